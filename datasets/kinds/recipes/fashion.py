"""Clothes: Fashion-MNIST's 10,000 test images, class = kind of garment. Pixels in 0..1, PCA 64."""

import gzip

import numpy as np
from common import Kind, deb, pca


def build() -> Kind:
    folder, source = deb("dataset-fashion-mnist")
    base = folder / "usr/share/datasets/fashion-mnist"
    pixels = gzip.decompress((base / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((base / "t10k-labels-idx1-ubyte.gz").read_bytes())
    x = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 784) / 255.0
    y = np.frombuffer(labels, np.uint8, offset=8)
    return Kind(pca(x, 64), y, "product photos (garments)", source, "MIT", "pixels, PCA 64")
