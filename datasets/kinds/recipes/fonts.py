"""Typefaces: lines of text set in fonts of TeX Live, class = one face (family and style). Needs: fonttools.

Of each font folder up to 2 faces that have the Latin letters are drawn. Items = lines of random dictionary words
(WordNet's index of nouns), slightly turned, of varying size; 8 to 60 of a face (log-uniform). Features: 16x16 patches
every 4 pixels that hold ink, as HOG; a codebook of 300 by k-means on a sample; square-rooted histogram of the codes;
PCA 96.
"""

import io
import subprocess
import tarfile

import numpy as np
from common import SEED, Kind, deb, deb_file, log_uniform, pca
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont
from sklearn.cluster import MiniBatchKMeans


def read_faces() -> tuple[dict[str, dict[str, bytes]], str]:
    """Folder -> file -> font; the font files alone are read out of the large package."""
    path, source = deb_file("texlive-fonts-extra")
    faces: dict[str, dict[str, bytes]] = {}
    command = ["dpkg", "--fsys-tarfile", str(path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as pipe,
        tarfile.open(fileobj=pipe.stdout, mode="r|") as archive,
    ):
        for member in archive:
            if member.isfile() and member.name.endswith((".otf", ".ttf")):
                _, family, name = member.name.rsplit("/", 2)
                faces.setdefault(family, {})[name] = archive.extractfile(member).read()
    return faces, source


def usable(data: bytes) -> bool:
    """Whether a font has the Latin letters and can be drawn."""
    try:
        have = TTFont(io.BytesIO(data), lazy=True).getBestCmap()
        if not all(ord(c) in have for c in "abcdefghijklmnopqrstuvwxyz"):
            return False
        ImageFont.truetype(io.BytesIO(data), 24).getmask("ax")
    except Exception:  # noqa: BLE001 (whatever a broken font raises)
        return False
    return True


def line(data: bytes, words: list[str], rng: np.random.Generator) -> np.ndarray:
    font = ImageFont.truetype(io.BytesIO(data), int(rng.integers(27, 34)))
    picture = Image.new("L", (420, 48), 255)
    ImageDraw.Draw(picture).text((6, 24), " ".join(rng.choice(words, 5)), font=font, fill=0, anchor="lm")
    return np.asarray(picture.rotate(rng.uniform(-1.5, 1.5), Image.Resampling.BICUBIC, fillcolor=255))


def patches(picture: np.ndarray) -> np.ndarray:
    """HOG of the patches that hold ink: 4x4 cells of 4 pixels, 6 orientations, L2-normalised."""
    ink = np.lib.stride_tricks.sliding_window_view((picture < 0.5).reshape(12, 4, -1, 4).mean((1, 3)), (4, 4))
    gy, gx = np.gradient(picture)
    place = ((np.arctan2(gy, gx) % np.pi) * 6 / np.pi).astype(int) % 6
    maps = (np.hypot(gy, gx)[..., None] * (place[..., None] == np.arange(6))).reshape(12, 4, -1, 4, 6).sum((1, 3))
    view = np.lib.stride_tricks.sliding_window_view(maps, (4, 4), axis=(0, 1))
    view = view[ink.mean((2, 3)) > 0.04].reshape(-1, 96)
    return view / (np.linalg.norm(view, axis=1, keepdims=True) + 1e-3)


def bags(pictures: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Square-rooted histograms of the patches' codes; zero where a picture has no patch."""
    drawn = rng.choice(len(pictures), 1500, replace=False)
    sample = np.concatenate([patches(pictures[i])[::7] for i in drawn])
    book = MiniBatchKMeans(300, batch_size=4096, n_init=1, max_iter=20, random_state=SEED).fit(sample)
    hist = np.zeros((len(pictures), 300))
    for i, picture in enumerate(pictures):
        found = patches(picture)
        if len(found):
            hist[i] = np.sqrt(np.bincount(book.predict(found), minlength=300) / len(found))
    return hist


def build() -> Kind:
    rng = np.random.default_rng(SEED)
    nouns = (deb("wordnet-base")[0] / "usr/share/wordnet/index.noun").read_text(encoding="utf8").splitlines()
    words = [noun.split()[0] for noun in nouns if noun[0] != " "]
    words = [word for word in words if word.isascii() and word.isalpha() and 4 <= len(word) <= 9]
    faces, source = read_faces()
    images, y = [], []
    for family in sorted(faces):
        taken = 0
        for name in rng.permutation(sorted(faces[family])):
            if not usable(faces[family][name]):
                continue
            for _ in range(log_uniform(rng, 8, 60)):
                images.append(line(faces[family][name], words, rng))
                y.append(f"{family}/{name}")
            taken += 1
            if taken == 2:
                break
    hist = bags([np.float32(image) / 255 for image in images], rng)
    good = hist.sum(1) > 0
    return Kind(
        pca(hist[good], 96),
        np.asarray(y)[good],
        "typefaces",
        source,
        "OFL/GUST/LPPL and other free font licences",
        "bag of 300 HOG patches, PCA 96",
        "styles of one family are nearly alike",
    )
