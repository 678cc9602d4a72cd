"""The network that turns images into unit features, and its settings; `train` trains it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional as F

from .._core.chunks import chunks
from .._core.progress import progress_bar, show_progress
from .._core.runtime import resolve_device, usual_torch
from .._core.validation import check_int

LUMA = (0.299, 0.587, 0.114)  # brightness of red, green and blue to the eye (ITU-R BT.601)
SMALLEST = 4  # pixels a side; less holds no shape


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of the encoder and settings of its training: plain numbers, saved as JSON beside the weights.

    Example:
        >>> EncoderConfig(epochs=2).dim
        128
    """

    image_size: int = 32  # pixels a side; every picture is resized to it. Enough for a character, cheap on a laptop
    dim: int = 128  # features per image, as in the paper's face data
    widths: Sequence[int] = (16, 32, 64)  # channels; each halves the picture. (32, 64, 128): purity +.01, 4 x the time
    epochs: int = 12  # less than a minute on two cores for 3,000 images
    batch_size: int = 64  # many steps within few epochs: measured better than 128 at the same cost
    lr: float = 0.012  # highest rate of the schedule; 0.003 left the short training unfinished
    weight_decay: float = 0.05  # of kernels and matrices only
    scale: float = 24.0  # s: cosines end at 1, so without it the softmax could never be sure of a class
    margin: float = 0.35  # m: the true class must win by this much cosine; unseen classes gain, 0 is the plain softmax
    # Augmentation: changes that turn no character into another. Measured: half of them and no erasing cost nearly 2
    # points of neighbour purity on unseen classes; half as much again was no better within the same minute.
    rotation: float = 12.0  # degrees, either way
    zoom: float = 0.15  # log of the factor, each axis alone
    shear: float = 0.2  # slant, as of italics
    shift: float = 0.08  # part of the picture's side
    contrast: float = 0.3  # at most this part of the ink is taken away
    noise: float = 0.08  # highest standard deviation of the grain, ink = 1
    erase: float = 0.3  # part of the pictures that lose a rectangle

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # JSON has lists only
        check_int(self.dim, "dim")
        check_int(self.epochs, "epochs")
        check_int(self.batch_size, "batch_size", low=2)  # batch statistics need two
        for width in self.widths:
            check_int(width, "widths")
        for amount in (f.name for f in fields(self) if isinstance(f.default, float)):
            _check_amount(getattr(self, amount), amount)

        step = 2 ** len(self.widths)
        if not self.widths or check_int(self.image_size, "image_size") % step:
            raise ValueError(
                f"image_size: expected a multiple of {step} (one halving for each of the {len(self.widths)} widths, "
                f"at least one), got {self.image_size}; change image_size or the number of widths"
            )


def _check_amount(value: Any, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"{name}: expected a finite number >= 0, got {value!r}")


class _Residual(nn.Module):
    """Two 3x3 convolutions with a short cut: x + f(x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(width, width, 3, stride=1), nn.ReLU(inplace=True), *_convolution(width, width, 3, stride=1)
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        return F.relu(x + self.body(x))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs)


class Encoder(nn.Module):
    """A small residual CNN: grey images in, unit features out.

    z = BatchNorm(W flatten(CNN(x))), feature = z / |z|. `Encoder(config)` has random weights, the same for the same
    `seed` (torch's own generator is left as it was); `train_encoder` returns a trained one.

    Shapes: `forward` takes grey pictures in [0, 1], [N, 1, S, S] with S = `config.image_size`, and gives [N, D] with
    D = `config.dim`; `embed` does the same for uint8 images of any size.

    Attributes:
        config: the `EncoderConfig` it was built from.
        records: one dict per epoch of training (`epoch`, `loss`, `accuracy`, `lr`); not saved with the weights.

    Example:
        >>> encoder = Encoder(EncoderConfig(image_size=16, dim=8, widths=(4, 8)))
        >>> encoder.embed(np.zeros((3, 28, 28), np.uint8)).shape
        (3, 8)

    Source: the residual block is that of He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
    """

    def __init__(self, config: EncoderConfig | None = None, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config or EncoderConfig()
        self.records: list[dict[str, float]] = []
        with torch.random.fork_rng(devices=[]):  # layers draw from the global generator: borrow and restore it
            torch.default_generator.manual_seed(seed)
            self.layers = _layers(self.config)

    def forward(self, x: Float[Tensor, "n 1 s s"]) -> Float[Tensor, "n d"]:
        return F.normalize(self.layers(x), dim=1)

    @property
    def history(self) -> pd.DataFrame:
        """Training as a tidy frame, one row per epoch; empty after loading."""
        return pd.DataFrame(self.records, columns=["epoch", "loss", "accuracy", "lr"])

    @usual_torch()
    @torch.no_grad()
    def embed(
        self, images: Any, *, batch_size: int = 512, device: str | torch.device = "auto", progress: bool = True
    ) -> Float32[np.ndarray, "n d"]:
        """Unit features of images, computed batch by batch, so that a memory-mapped file is never loaded as a whole.

        Args:
            images: uint8 [N, H, W] or [N, H, W, C] of any size, C = 1 (grey) or 3 (RGB); ink 255 on 0 like the
                training images. Colour becomes grey, every picture is resized to the config's square.
            batch_size: images held at once.
            device: where to compute; the encoder moves there.
            progress: show a bar of what takes over two seconds.

        Returns:
            float32 [N, dim], rows of length 1.

        Raises:
            ValueError: another dtype or shape, or images under 4 pixels a side.
        """
        images = check_images(images)
        step = check_int(batch_size, "batch_size")
        target = resolve_device(device)
        was_training = self.training
        self.eval().to(target)

        features = np.empty((len(images), self.config.dim), np.float32)
        with show_progress(progress):
            for rows in progress_bar(chunks(len(images), step), "embed"):
                batch = prepare(images[rows], self.config.image_size, target)  # (b, 1, s, s)
                features[rows] = self(batch).cpu().numpy()  # (b, d)

        self.train(was_training)
        return features


def _layers(config: EncoderConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    inputs = 1
    kernel = 5  # wider at first: with one channel to look at that is cheap
    for width in config.widths:
        layers += [*_convolution(inputs, width, kernel, stride=2), nn.ReLU(inplace=True), _Residual(width)]
        inputs = width
        kernel = 3

    # Flattened, not averaged over the picture: where a stroke lies tells characters apart.
    side = config.image_size // 2 ** len(config.widths)
    tail = [nn.Linear(inputs * side * side, config.dim, bias=False), nn.BatchNorm1d(config.dim)]
    return nn.Sequential(*layers, nn.Flatten(), *tail)


def check_images(images: Any) -> np.ndarray:
    """uint8 images [N, H, W] or [N, H, W, C] as they are; anything else is refused by name."""
    array = images if isinstance(images, np.ndarray) else np.asarray(images)
    if array.dtype != np.uint8:
        raise ValueError(
            f"images: expected uint8 from 0 to 255, got {array.dtype}; for values from 0 to 1 pass "
            "(255 * images).round().astype(np.uint8)"
        )
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3)):
        raise ValueError(
            f"images: expected [N, H, W], [N, H, W, 1] or RGB [N, H, W, 3], got shape {list(array.shape)}; "
            "one image is images[None], an alpha channel is dropped by images[..., :3]"
        )
    if min(array.shape[1:3]) < SMALLEST:
        raise ValueError(
            f"images: expected at least {SMALLEST} x {SMALLEST} pixels, got {array.shape[1]} x {array.shape[2]}; "
            "pass larger pictures"
        )
    return array


def prepare(images: np.ndarray, size: int, device: torch.device) -> Float[Tensor, "n 1 {size} {size}"]:
    """uint8 [n, H, W] or [n, H, W, C] to grey floats in [0, 1] of `size` x `size` pixels (antialiased bilinear).

    Example:
        >>> prepare(np.full((1, 8, 8, 3), 255, np.uint8), 16, torch.device("cpu")).mean().item()
        1.0
    """
    pixels = torch.from_numpy(np.array(images)).to(device)  # a copy: memory maps may be read-only
    if pixels.ndim == 3 or pixels.shape[3] == 1:
        grey = pixels.reshape(pixels.shape[:3]).float()
    else:
        grey = sum((weight * pixels[..., c].float() for c, weight in enumerate(LUMA)), torch.zeros(()))
    x = grey[:, None] / 255
    if x.shape[2:] != (size, size):
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
    return x.clamp(0, 1)
