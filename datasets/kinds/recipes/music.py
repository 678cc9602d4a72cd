"""Written music: stretches of pieces, class = piece (a chorale, a madrigal, a movement).

The MusicXML files of music21's corpus. Stretches of 4 bars side by side; pieces of 5 or more, at most 40 of one.
Features: square roots of shares of pitch classes and of half-octaves (weighted by length), of melodic intervals up to a
fifth and of note lengths; logarithms of the numbers of parts and notes; each of the five blocks of equal variance.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from common import SEED, Kind, keep_classes, pypi

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
LENGTHS = (0.125, 0.25, 1 / 3, 0.5, 0.75, 1, 1.5, 2, 3, 4)  # in quarter notes


def document(path: Path) -> ElementTree.Element:
    if path.suffix == ".mxl":
        with zipfile.ZipFile(path) as archive:
            inner = next(n for n in archive.namelist() if n.endswith((".xml", ".musicxml")) and "META-INF" not in n)
            return ElementTree.fromstring(archive.read(inner))
    return ElementTree.fromstring(path.read_bytes())


def notes(part: ElementTree.Element) -> Iterator[tuple[int, int, float]]:
    """(bar, MIDI pitch, length in quarters) of a part's sounding notes, in order."""
    divisions = 1.0
    for bar, measure in enumerate(part.findall("measure")):
        for item in measure:
            if item.tag == "attributes" and item.find("divisions") is not None:
                divisions = float(item.findtext("divisions"))
            pitch = item.find("pitch")
            if item.tag == "note" and pitch is not None and item.find("duration") is not None:
                height = 12 * (int(pitch.findtext("octave")) + 1) + STEPS[pitch.findtext("step")]
                height += round(float(pitch.findtext("alter", "0")))
                yield bar, height, float(item.findtext("duration")) / divisions


def describe(parts: list[list[tuple[int, float]]]) -> list[np.ndarray]:
    """The blocks of a stretch: parts as lists of (pitch, length)."""
    every = np.array([note for part in parts for note in part])
    pitch, length = every[:, 0].astype(int), every[:, 1] + 1e-6
    steps = [d for part in parts for d in np.diff([p for p, _ in part]).astype(int) if abs(d) <= 7]
    nearest = np.abs(np.log(length)[:, None] - np.log(LENGTHS)).argmin(1)
    shares = [
        np.bincount(pitch % 12, length, 12),
        np.bincount(np.clip(pitch // 6 - 4, 0, 11), length, 12),
        np.bincount(np.array(steps, int) + 7, minlength=15),
        np.bincount(nearest, minlength=len(LENGTHS)),
    ]
    counts = np.log1p([len(parts), len(every)])
    return [np.sqrt(share / max(share.sum(), 1e-9)) for share in shares] + [counts]


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    folder, source = pypi("music21", "10.5.1")
    corpus = folder / "music21/corpus"
    blocks, y = [], []
    for path in sorted([*corpus.rglob("*.mxl"), *corpus.rglob("*.xml")]):
        if path.relative_to(corpus).parts[0] in ("demos", "theoryExercises"):
            continue
        parts = [list(notes(part)) for part in document(path).findall("part")]
        last = max((bar for part in parts for bar, _, _ in part), default=-1)
        for start in range(0, last - 2, 4):
            stretch = [[(p, d) for bar, p, d in part if start <= bar < start + 4] for part in parts]
            stretch = [part for part in stretch if part]
            if sum(map(len, stretch)) >= 12:
                blocks.append(describe(stretch))
                y.append(str(path.relative_to(corpus)))
    y = np.asarray(y)
    rows = keep_classes(y, 5, 40, rng)
    columns = [np.array([blocks[i][b] for i in rows]) for b in range(len(blocks[0]))]
    scaled = [(c - c.mean(0)) / np.sqrt(c.var(0).sum()) for c in columns]
    return Kind(
        np.hstack(scaled),
        y[rows],
        "written music",
        source,
        "corpus: by piece, mostly public domain or free use (package BSD-3-Clause)",
        "pitch, interval and rhythm shares, blocks of equal variance",
        "movements of one work and chorales on one tune are nearly alike",
    )
