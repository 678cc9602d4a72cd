"""Languages: interface messages of Django's catalogues, class = language (parallel texts).

Messages of at least 25 characters from the .po files of the core and the contributed apps; 15 to 150 messages of a
language (log-uniform). Features: character 1-3-gram TF-IDF, truncated SVD 128.
"""

import re
from collections.abc import Iterator

import numpy as np
from common import SEED, Kind, log_uniform, pypi, tfidf_svd

PLACEHOLDERS = r"%\(\w+\)[sd]|%[sd]|\{[^}]*\}|https?:\S+|<[^>]+>"


def messages(catalogue: str) -> Iterator[str]:
    """The translations of a .po file, without placeholders, addresses and tags."""
    for block in catalogue.split("\n\n"):
        if "#, fuzzy" in block or "#~" in block:
            continue
        for found in re.finditer(r'^msgstr(?:\[\d\])? ((?:".*"\n?)+)', block, re.M):
            body = "".join(re.findall(r'"(.*)"', found[1])).replace("\\n", " ").replace('\\"', '"')
            yield re.sub(PLACEHOLDERS, " ", body).strip()


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    folder, source = pypi("django", "5.2")
    of: dict[str, set[str]] = {}
    for path in sorted((folder / "django").glob("**/locale/*/LC_MESSAGES/*.po"), key=str):
        language = path.parts[-3]
        if language != "en":
            found = messages(path.read_text(encoding="utf8"))
            of.setdefault(language, set()).update(body for body in found if len(body) >= 25)
    texts, y = [], []
    for language, found in sorted(of.items()):
        if len(found) >= 15:
            want = log_uniform(rng, 15, 150)
            ordered = sorted(found)
            texts += [ordered[i] for i in rng.permutation(len(ordered))[:want]]
            y += [language] * (len(texts) - len(y))
    return Kind(
        tfidf_svd(texts, 128, analyzer="char_wb", ngram_range=(1, 3), min_df=3),
        y,
        "sentences by language",
        source,
        "BSD-3-Clause",
        "character n-gram TF-IDF, SVD 128",
        "variants of one language (en-au/en-gb, sr/sr-latn, pt/pt-br) are nearly alike",
    )
