"""Land cover: Statlog Landsat Satellite, class = kind of soil or crop. Needs: rdata.

36 columns: 4 spectral bands of a 3x3 pixel neighbourhood, standardised.
"""

import warnings

import rdata
from common import Kind, deb, standardise


def build() -> Kind:
    folder, source = deb("r-cran-mlbench")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # R classes that rdata does not know
        frame = rdata.read_rda(folder / "usr/lib/R/site-library/mlbench/data/Satellite.rda")["Satellite"]
    return Kind(
        standardise(frame.drop(columns="classes").to_numpy(float)),
        frame["classes"].astype(str).to_numpy(),
        "remote sensing",
        source,
        "UCI, CC BY 4.0 (package GPL-2)",
        "36 band values, standardised",
        "neighbouring pixels of one scene overlap",
    )
