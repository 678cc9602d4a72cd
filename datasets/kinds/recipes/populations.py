"""Human genetics: HGDP microsatellites, class = population. Needs: rdata.

Allele counts at 678 loci, missing ones set to the allele's mean, each allele scaled by its expected deviation
sqrt(p(1-p)), PCA 40, as population geneticists do.
"""

import warnings

import numpy as np
import rdata
from common import Kind, deb, keep_classes, pca


def build() -> Kind:
    folder, source = deb("r-cran-adegenet")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # R classes that rdata does not know
        data = rdata.read_rda(folder / "usr/lib/R/site-library/adegenet/data/eHGDP.rda")["eHGDP"]
    counts = np.asarray(data.tab, float)
    counts[counts < 0] = np.nan
    counts = counts[:, np.nanmean(counts, 0) > 0.02]
    mean = np.nanmean(counts, 0)
    p = np.clip(mean / 2, 0.01, 0.99)
    x = np.where(np.isnan(counts), 0, counts - mean) / np.sqrt(p * (1 - p))
    label = np.asarray(data.pop).astype(str)
    rows = keep_classes(label, 5)
    return Kind(
        pca(x, 40)[rows], label[rows], "human genetics", source, "GPL-2+ (package)", "scaled allele counts, PCA 40"
    )
