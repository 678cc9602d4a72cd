"""Source code: functions of Python's standard library, class = the file.

Functions and methods of 4 to 80 lines, docstrings taken out; files of 8 functions or more, at most 60 of one file.
Features: TF-IDF of tokens (names, operators, keywords; numbers and strings by type only), 1 and 2 in a row, SVD 128.
"""

import ast
import io
import tokenize
from itertools import pairwise

import numpy as np
from common import SEED, Kind, deb, keep_classes, tfidf_svd


def tokens(text: str) -> list[str]:
    out = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NAME, tokenize.OP):
            out.append(token.string)
        elif token.type in (tokenize.NUMBER, tokenize.STRING):
            out.append(tokenize.tok_name[token.type])
    return out


def functions(tree: ast.AST) -> list[list[str]]:
    """The tokens of every function, the outermost only."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
            text = ast.unparse(node)
            if 4 <= text.count("\n") + 1 <= 80:
                found.append(tokens(text))
        else:
            found += functions(node)
    return found


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    items, label, sources = [], [], []
    for package in ("libpython3.11-minimal", "libpython3.11-stdlib"):
        folder, source = deb(package)
        sources.append(source)
        top = folder / "usr/lib/python3.11"
        for path in sorted(top.rglob("*.py")):
            name = str(path.relative_to(top))
            if "test" in name or not path.is_file():  # one file is a link that leads nowhere
                continue
            seen = set()
            for found in functions(ast.parse(path.read_text(encoding="utf8", errors="replace"))):
                if tuple(found) not in seen:
                    seen.add(tuple(found))
                    items.append(found)
                    label.append(name)
    rows = keep_classes(label, 8, 60, rng)
    texts = [items[i] for i in rows]
    return Kind(
        tfidf_svd(texts, 128, analyzer=grams, min_df=3),
        np.asarray(label)[rows],
        "source code",
        "; ".join(sources),
        "PSF",
        "token 1-2-gram TF-IDF, SVD 128",
        "files of one library share names; copies of one function stand in several files",
    )


def grams(words: list[str]) -> list[str]:
    return words + [f"{a} {b}" for a, b in pairwise(words)]
