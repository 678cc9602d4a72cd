"""Microbial genomes: pieces of DNA by composition (metagenomic binning), class = genome.

Source: MetaPhlAn 2's marker genes. For each of 240 genomes drawn among those with at least 60,000 bases of markers,
the markers in file order are joined and cut to pieces of 4,000 bases; 6 to 90 pieces are kept (log-uniform, so that
class sizes vary). Features: frequencies of the 136 strand-neutral tetranucleotides, centred log-ratio with a
pseudo-count.
"""

import itertools
import re
from pathlib import Path

import numpy as np
from common import SEED, Kind, deb, log_uniform

WORDS = ["".join(w) for w in itertools.product("ACGT", repeat=4)]
BACK = {"A": "T", "C": "G", "G": "C", "T": "A"}
MIRROR = np.array([WORDS.index("".join(BACK[c] for c in reversed(w))) for w in WORDS])
FIRST = np.flatnonzero(np.arange(256) <= MIRROR)
CODE = np.full(256, 4, np.uint8)
for _i, _letter in enumerate("ACGT"):
    CODE[ord(_letter)] = _i


def genomes(path: Path) -> dict[str, str]:
    """Accession -> its markers joined, complete RefSeq records only."""
    parts: dict[str, list[str]] = {}
    name = None
    with path.open(encoding="utf8") as file:
        for line in file:
            if line[0] == ">":
                found = re.match(r">gi\|\d+\|ref\|(NC_\d+)", line)
                name = found[1] if found else None
            elif name:
                parts.setdefault(name, []).append(line.strip())
    return {name: "".join(found) for name, found in parts.items()}


def composition(piece: np.ndarray) -> np.ndarray:
    """Centred log-ratio of the counts of a piece's tetranucleotides and their mirrors."""
    known = (np.lib.stride_tricks.sliding_window_view(piece, 4) < 4).all(1)
    word = ((piece[:-3] * 4 + piece[1:-2]) * 4 + piece[2:-1]) * 4 + piece[3:]
    count = np.bincount(word[known], minlength=256).astype(float)
    logs = np.log((count + count[MIRROR])[FIRST] + 1)
    return logs - logs.mean()


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    folder, source = deb("metaphlan2-data")
    joined = genomes(folder / "var/lib/metaphlan2-data/markers.fasta")
    names = sorted(name for name, text in joined.items() if len(text) >= 60000)
    x, y = [], []
    for name in rng.choice(names, min(240, len(names)), replace=False):
        base = CODE[np.frombuffer(joined[name].encode(), np.uint8)].astype(int)
        pieces = [base[s : s + 4000] for s in range(0, len(base) - 3999, 4000)]
        want = log_uniform(rng, 6, 90)
        for i in rng.permutation(len(pieces))[:want]:
            x.append(composition(pieces[i]))
            y.append(name)
    x = np.asarray(x)
    return Kind(
        x - x.mean(0),
        y,
        "DNA composition",
        source,
        "Expat",
        "tetranucleotide frequencies, centred log-ratio",
        "related strains may be different classes",
    )
