"""Software descriptions: Debian packages, class = archive section. Needs: apt-cache.

12,000 packages drawn at random (long English description; repeats of a text dropped), sections with at least 20.
Features: word TF-IDF (1-2 grams, in at least 3 texts), truncated SVD 200. Follows the package lists of the day.
"""

import re
import subprocess
from collections.abc import Iterator

import numpy as np
from common import SEED, Kind, keep_classes, tfidf_svd


def shown(*command: str) -> str:
    return subprocess.run(["apt-cache", *command], capture_output=True, text=True, check=False).stdout


def descriptions(names: np.ndarray) -> Iterator[tuple[str, str]]:
    """(section, description) of the packages."""
    for start in range(0, len(names), 1000):
        for stanza in shown("--no-all-versions", "show", *names[start : start + 1000]).split("\n\n"):
            section = re.search(r"^Section: (?:.*/)?(\S+)$", stanza, re.M)
            about = re.search(r"^Description(?:-en)?: (.*(?:\n .*)*)", stanza, re.M)
            if section and about:
                yield section[1], re.sub(r"\s+", " ", about[1])


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    names = rng.permutation(sorted(shown("pkgnames").split()))[:16000]
    of: dict[str, str] = {}
    for section, body in descriptions(names):
        of.setdefault(body, section)
    texts, label = list(of)[:12000], np.asarray(list(of.values())[:12000])
    x = tfidf_svd(texts, 200, ngram_range=(1, 2), min_df=3, stop_words="english")
    rows = keep_classes(label, 20)
    rows = rows[np.linalg.norm(x[rows], axis=1) > 0]
    rows = rows[np.sort(np.unique(x[rows], axis=0, return_index=True)[1])]  # texts that differ in rare words only
    return Kind(
        x[rows],
        label[rows],
        "software descriptions",
        "Debian bookworm package lists",
        "various free licences",
        "TF-IDF, SVD 200",
        "sections are loose and overlap",
    )
