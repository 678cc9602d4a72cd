"""Training of the encoder: a supervised classifier is trained, and only its encoder is kept.

images -> prepare -> augment -> Encoder -> features -> cosine_margin_logits -> cross entropy
                                (kept)                 (decoder: thrown away)
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from .._core.runtime import resolve_device, usual_torch
from .._core.schedule import half_cosine
from .._core.validation import check_seed
from ..data.records import ImageSet
from .augment import augment
from .network import Encoder, EncoderConfig, check_images, prepare

__all__ = ["Encoder", "EncoderConfig", "cosine_margin_logits", "train_encoder"]


def cosine_margin_logits(
    features: Float[Tensor, "n d"],
    directions: Float[Tensor, "c d"],
    labels: Int64[Tensor, " n"],
    *,
    scale: float,
    margin: float,
) -> Float[Tensor, "n c"]:
    """Logits of the cosine-margin softmax: s (cos(x_i, w_c) - m [c = y_i]).

    The true class must win by the margin, so classes come to lie apart from each other. That carries over to classes
    never seen.

    Args:
        features: images' features, any length.
        directions: one vector per class, any length.
        labels: the true class of each image.
        scale: s, the largest logit.
        margin: m, in units of cosine.

    Example:
        >>> x, y = torch.tensor([[0.0, 2.0]]), torch.tensor([1])
        >>> cosine_margin_logits(x, torch.eye(2), y, scale=10.0, margin=0.2).tolist()
        [[0.0, 8.0]]

    Source: Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018, equation 4.
    """
    cosine = F.normalize(features, dim=1) @ F.normalize(directions, dim=1).T
    true_class = F.one_hot(labels, len(directions)).to(cosine)  # of its float width: integers would give float32
    return scale * (cosine - margin * true_class)


class _Decoder(nn.Module):
    """One direction per class: turns features into classes during training, and is thrown away afterwards."""

    def __init__(self, n_classes: int, config: EncoderConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        start = torch.randn(n_classes, config.dim, generator=generator) / config.dim**0.5
        self.directions = nn.Parameter(start)  # about length 1: Adam's fixed step turns longer vectors too slowly

    def forward(self, features: Float[Tensor, "n d"], labels: Int64[Tensor, " n"]) -> Float[Tensor, "n c"]:
        scale = self.config.scale
        margin = self.config.margin
        return cosine_margin_logits(features, self.directions, labels, scale=scale, margin=margin)

    @torch.no_grad()
    def accuracy(self, features: Float[Tensor, "n d"], labels: Int64[Tensor, " n"]) -> Float[Tensor, ""]:
        """Share of the images whose nearest direction is that of their class (no margin)."""
        nearest = (features @ F.normalize(self.directions, dim=1).T).argmax(dim=1)
        return (nearest == labels).float().mean()


def _optimiser(encoder: Encoder, decoder: _Decoder) -> torch.optim.Optimizer:
    """AdamW. Only kernels and matrices decay: a shorter class direction would be the same direction."""
    kernels = [p for p in encoder.parameters() if p.ndim > 1]
    others = [p for p in encoder.parameters() if p.ndim == 1] + [decoder.directions]
    groups = [
        {"params": kernels, "weight_decay": encoder.config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=encoder.config.lr)


def _rate(progress: float, warm: float = 0.15) -> float:
    """Share of the highest learning rate: a linear rise over the first `warm` of training, then half a cosine to 0.

    A short rise allows a high rate without blowing up the random first weights; no other length of it is recorded.
    """
    if progress < warm:
        return progress / warm
    return half_cosine(progress - warm, 1 - warm)


def _n_batches(n: int, config: EncoderConfig) -> int:
    return max(1, n // config.batch_size)


def _batches(
    images: ImageSet, labels: Int64[Tensor, " n"], config: EncoderConfig, generator: torch.Generator
) -> Iterator[tuple[Float[Tensor, "b 1 s s"], Int64[Tensor, " b"]]]:
    """One epoch in random order, in batches of nearly equal size: a batch of one would have no statistics."""
    order = torch.randperm(len(images), generator=generator)
    for index in order.tensor_split(_n_batches(len(images), config)):
        x = prepare(images.images[index.numpy()], config.image_size, labels.device)
        x = augment(x, config, generator)
        yield x.contiguous(memory_format=torch.channels_last), labels[index.to(labels.device)]


def _epoch(
    encoder: Encoder,
    decoder: _Decoder,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    batches: Iterator[tuple[Tensor, Tensor]],
) -> dict[str, float]:
    """One pass over the images; the mean loss and accuracy on the augmented pictures."""
    scores = []
    for x, labels in batches:
        features = encoder(x)
        loss = F.cross_entropy(decoder(features, labels), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        scores.append(torch.stack([loss.detach(), decoder.accuracy(features, labels)]))  # (2,), still on the device

    mean_loss, accuracy = torch.stack(scores).mean(dim=0).tolist()
    return {"loss": mean_loss, "accuracy": accuracy}


def _class_numbers(images: ImageSet) -> Int64[Tensor, " n"]:
    """Labels renumbered as 0, 1, 2 ... without gaps, as cross entropy needs them."""
    check_images(images.images)
    classes, numbers = np.unique(images.labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"images: expected labelled images of at least 2 classes, got {len(images)} images of {len(classes)} "
            f"class(es) in {images.name!r}; a classifier needs something to tell apart"
        )
    return torch.from_numpy(numbers)


def _fit(
    encoder: Encoder,
    decoder: _Decoder,
    images: ImageSet,
    labels: Int64[Tensor, " n"],
    generator: torch.Generator,
    progress: bool,
) -> None:
    """Train both in place, epoch by epoch, and write `encoder.records`."""
    config = encoder.config
    steps = config.epochs * _n_batches(len(images), config)
    optimiser = _optimiser(encoder, decoder)
    # step + 1: the rate is 0 at neither end, so no step is wasted.
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate((step + 1) / (steps + 1)))

    bar = tqdm(range(1, config.epochs + 1), desc="encoder", unit="epoch", disable=not progress)
    for epoch in bar:
        batches = _batches(images, labels, config, generator)
        record = _epoch(encoder, decoder, optimiser, schedule, batches)

        if not math.isfinite(record["loss"]):
            raise ValueError(f"config: the loss became {record['loss']} in epoch {epoch}; lower config.lr={config.lr}")
        encoder.records.append({"epoch": epoch, **record, "lr": float(schedule.get_last_lr()[0])})
        bar.set_postfix(loss=f"{record['loss']:.2f}", accuracy=f"{record['accuracy']:.2f}")


@usual_torch()
def train_encoder(
    images: ImageSet,
    *,
    config: EncoderConfig | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> Encoder:
    """Train a classifier of the set's classes and keep its encoder.

    Loss: cross entropy of the cosine-margin softmax over augmented images; AdamW, the rate rises and then falls to 0.
    The same seed on the same CPU gives the same weights, bit by bit; torch's own generator is left as it was.

    Args:
        images: labelled images of at least 2 classes, none of which may be clustered later.
        config: shape and settings; the default suits characters of about 32 x 32 pixels.
        seed: of the weights, the order and the augmentation.
        device: where to train.
        progress: show a bar with loss and accuracy.

    Returns:
        The encoder, ready to `embed`, with its `history`.

    Raises:
        ValueError: no images, one class only, pictures under 4 x 4 pixels, or a loss that overflows.

    Example:
        >>> half = np.zeros((2, 8, 8), np.uint8)
        >>> half[0, :4], half[1, :, :4] = 255, 255
        >>> toy = ImageSet(half.repeat(8, axis=0), np.arange(2).repeat(8), name="toy")
        >>> small = EncoderConfig(image_size=8, dim=4, widths=(4,), epochs=2, batch_size=8)
        >>> train_encoder(toy, config=small, progress=False).history.columns.tolist()
        ['epoch', 'loss', 'accuracy', 'lr']

    Source: Xing et al. 2021 cluster the features of such an encoder, trained on the meta-training classes. Here the
    encoder has classes of its own (split `encoder`), so that LANDER learns on features as unfamiliar as a test's.
    """
    numbers = _class_numbers(images)
    generator = torch.Generator().manual_seed(check_seed(seed))
    encoder = Encoder(config, seed=seed)
    target = resolve_device(device)
    encoder.to(target).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster
    decoder = _Decoder(int(numbers.max()) + 1, encoder.config, generator).to(target)

    _fit(encoder, decoder, images, numbers.to(target), generator, progress)
    encoder.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # safetensors takes no other
    return encoder.eval()
