"""Printed letters: UCI Letter Recognition, class = capital letter. Needs: rdata.

16 hand-made shape measures of distorted letters in 20 typefaces, standardised; 15,000 of the 20,000 rows drawn at
random (the limit of a set).
"""

import warnings

import numpy as np
import rdata
from common import SEED, Kind, deb, standardise


def build() -> Kind:
    folder, source = deb("r-cran-mlbench")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # R classes that rdata does not know
        frame = rdata.read_rda(folder / "usr/lib/R/site-library/mlbench/data/LetterRecognition.rda")
    frame = frame["LetterRecognition"]
    rows = np.sort(np.random.default_rng(SEED).choice(len(frame), 15000, replace=False))
    return Kind(
        standardise(frame.iloc[rows, 1:].to_numpy(float)),
        frame.iloc[rows, 0].astype(str).to_numpy(),
        "letters (printed)",
        source,
        "UCI, CC BY 4.0 (package GPL-2)",
        "16 shape measures, standardised",
    )
