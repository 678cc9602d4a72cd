"""The encoder: what training must reach, what it must leave alone, and the slow form of each fast formula."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data.records import ImageSet
from workbench.encoder.augment import augment
from workbench.encoder.network import prepare
from workbench.encoder.train import Encoder, EncoderConfig, cosine_margin_logits, train_encoder

TINY = EncoderConfig(image_size=16, dim=16, widths=(8, 16), epochs=6, batch_size=16, lr=0.01, erase=0.0)
SHAPES = ("bar", "post", "ring", "cross", "dot", "slash")


def draw(shape: str, generator: np.random.Generator, side: int = 16) -> np.ndarray:
    """One shape, ink 255 on 0, moved by up to a pixel and with a little grain."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2 - generator.uniform(-1, 1, (2, 1, 1))
    r = np.hypot(x, y)
    ink = {
        "bar": abs(y) < 2,
        "post": abs(x) < 2,
        "ring": abs(r - 5) < 1.3,
        "cross": (abs(x) < 1.3) | (abs(y) < 1.3),
        "dot": r < 3,
        "slash": abs(x + y) < 2,
    }[shape]
    return np.clip(ink * 220.0 + generator.normal(0, 12, ink.shape), 0, 255).astype(np.uint8)


def drawings(shapes: tuple[str, ...] = SHAPES[:4], per_class: int = 16, seed: int = 0) -> ImageSet:
    generator = np.random.default_rng(seed)
    images = np.stack([draw(shape, generator) for shape in shapes for _ in range(per_class)])
    return ImageSet(images, np.arange(len(shapes)).repeat(per_class), shapes, "drawings")


def neighbour_purity(features: np.ndarray, labels: np.ndarray) -> float:
    similarity = features @ features.T
    np.fill_diagonal(similarity, -2)
    return float((labels[similarity.argmax(1)] == labels).mean())


@pytest.fixture(scope="module")
def trained() -> Encoder:
    return train_encoder(drawings(), config=TINY, seed=1, device="cpu", progress=False)


# training


def test_learns_separable_shapes_and_tells_unseen_ones_apart(trained: Encoder) -> None:
    fresh, unseen = drawings(seed=5), drawings(SHAPES[4:], seed=6)
    assert neighbour_purity(trained.embed(fresh.images), fresh.labels) >= 0.95
    assert neighbour_purity(trained.embed(unseen.images), unseen.labels) >= 0.95
    assert trained.history["accuracy"].iloc[-1] >= 0.9
    assert trained.history["loss"].iloc[-1] < trained.history["loss"].iloc[0]


def test_history_is_one_tidy_row_per_epoch(trained: Encoder) -> None:
    history = trained.history
    assert list(history.columns) == ["epoch", "loss", "accuracy", "lr"]
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["lr"].max() <= TINY.lr
    assert history["lr"].iloc[-1] < 0.1 * TINY.lr
    assert list(Encoder(TINY).history.columns) == list(history.columns)


def test_same_seed_same_weights_other_seed_other_weights() -> None:
    config = replace(TINY, epochs=2, erase=0.3)
    first, again, other = (
        train_encoder(drawings(), config=config, seed=seed, device="cpu", progress=False).state_dict()
        for seed in (3, 3, 4)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["layers.0.weight"], other["layers.0.weight"])


def test_training_leaves_global_generators_and_input_alone() -> None:
    data = drawings()
    before = data.images.copy(), data.labels.copy(), torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    data.images.flags.writeable = data.labels.flags.writeable = False
    train_encoder(data, config=replace(TINY, epochs=1), device="cpu", progress=False).embed(data.images, device="cpu")
    after = data.images, data.labels, torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_labels_may_have_gaps() -> None:
    data = drawings(SHAPES[:2])
    gaps = ImageSet(data.images, data.labels * 7 + 3)
    config = replace(TINY, epochs=1)
    one, two = (train_encoder(d, config=config, device="cpu", progress=False).state_dict() for d in (data, gaps))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("n", [2, 3, 17, 31])
def test_any_number_of_images_makes_batches_of_at_least_two(n: int) -> None:
    data = ImageSet(np.zeros((n, 8, 8), np.uint8), np.arange(n) % 2)
    config = EncoderConfig(image_size=8, dim=4, widths=(4,), epochs=1, batch_size=2)
    assert len(train_encoder(data, config=config, device="cpu", progress=False).history) == 1


def test_shows_progress_when_asked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench._core.progress.DELAY", 0)
    encoder = train_encoder(drawings(), config=replace(TINY, epochs=1), device="cpu", progress=True)
    encoder.embed(drawings().images, device="cpu", progress=True)
    shown = capsys.readouterr().err
    assert "accuracy=" in shown
    assert "embed" in shown


def test_weights_and_json_rebuild_the_same_encoder(trained: Encoder) -> None:
    rebuilt = Encoder(EncoderConfig(**json.loads(json.dumps(asdict(trained.config)))), seed=9)
    rebuilt.load_state_dict(trained.state_dict())
    assert rebuilt.config == trained.config
    assert all(value.is_contiguous() for value in trained.state_dict().values())
    images = drawings().images
    np.testing.assert_array_equal(rebuilt.embed(images, device="cpu"), trained.embed(images, device="cpu"))


# embedding


def test_rows_are_unit_float32_whatever_the_batch_size(trained: Encoder) -> None:
    images = drawings().images
    whole = trained.embed(images, device="cpu")
    assert whole.dtype == np.float32
    assert whole.shape == (64, 16)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    for batch_size in (1, 7, 64):
        np.testing.assert_allclose(trained.embed(images, batch_size=batch_size, device="cpu"), whole, atol=1e-5)


def test_embed_restores_the_mode_it_found() -> None:
    encoder = Encoder(TINY).train()
    encoder.embed(drawings().images, device="cpu")
    assert encoder.training


def test_no_images_and_empty_pictures_embed(trained: Encoder) -> None:
    assert trained.embed(np.zeros((0, 16, 16), np.uint8), device="cpu").shape == (0, 16)
    np.testing.assert_allclose(np.linalg.norm(trained.embed(np.zeros((2, 16, 16), np.uint8)), axis=1), 1, atol=1e-5)


def test_reads_memory_maps_and_strided_views(trained: Encoder, tmp_path: Path) -> None:
    images = drawings().images
    np.save(tmp_path / "images.npy", images)
    expected = trained.embed(images, device="cpu")
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    np.testing.assert_array_equal(trained.embed(mapped, batch_size=512, device="cpu"), expected)
    np.testing.assert_allclose(trained.embed(images[::-2], device="cpu"), expected[::-2], atol=1e-5)


def test_grey_one_channel_and_grey_in_colour_are_the_same(trained: Encoder) -> None:
    images = drawings().images
    expected = trained.embed(images, device="cpu")
    np.testing.assert_allclose(trained.embed(images[..., None], device="cpu"), expected, atol=1e-6)
    np.testing.assert_allclose(trained.embed(images[..., None].repeat(3, 3), device="cpu"), expected, atol=1e-4)


def test_larger_drawing_of_the_same_shape_embeds_alike(trained: Encoder) -> None:
    images = drawings().images
    larger = images.repeat(3, axis=1).repeat(3, axis=2)
    similarity = (trained.embed(images, device="cpu") * trained.embed(larger, device="cpu")).sum(1)
    assert similarity.mean() > 0.95


def test_prepare_weighs_colours_and_averages_when_shrinking() -> None:
    red = np.zeros((1, 4, 4, 3), np.uint8)
    red[..., 0] = 255
    torch.testing.assert_close(prepare(red, 4, torch.device("cpu")), torch.full((1, 1, 4, 4), 0.299))
    checkers = (np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8)[None]
    middle = prepare(checkers, 8, torch.device("cpu"))[..., 1:-1, 1:-1]
    torch.testing.assert_close(middle, torch.full_like(middle, 0.5), atol=0.02, rtol=0)


# formulas


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(2, 5), st.floats(1, 40), st.floats(0, 0.5), st.integers(0, 10**6))
def test_margin_softmax_against_one_cosine_at_a_time(n: int, c: int, scale: float, margin: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, w, y = generator.normal(size=(n, 3)), generator.normal(size=(c, 3)), generator.integers(c, size=n)
    slow = [
        [
            scale * (float(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b)) - (margin if j == truth else 0.0))
            for j, b in enumerate(w)
        ]
        for a, truth in zip(x, y, strict=True)
    ]
    fast = cosine_margin_logits(*map(torch.from_numpy, (x, w, y)), scale=scale, margin=margin)
    np.testing.assert_allclose(fast.numpy(), slow, atol=1e-9)


# augmentation


def only(**amounts: Any) -> EncoderConfig:
    """A config whose other augmentations are off."""
    off: dict[str, Any] = dict.fromkeys(("rotation", "zoom", "shear", "shift", "contrast", "noise", "erase"), 0.0)
    return EncoderConfig(**{**off, **amounts})


@settings(max_examples=20)
@given(st.integers(1, 9), st.sampled_from([4, 9, 16]), st.integers(0, 10**6))
def test_augmentation_keeps_shape_range_and_input(n: int, side: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 1, side, side, generator=generator)
    kept = x.clone()
    y = augment(x, EncoderConfig(noise=0.5, erase=1.0), generator)
    assert y.shape == x.shape
    assert 0 <= y.min() <= y.max() <= 1
    assert torch.equal(x, kept)


def test_no_amounts_change_nothing() -> None:
    x = torch.rand(3, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(augment(x, only(), torch.Generator()), x, atol=1e-5, rtol=0)


def test_each_amount_does_what_its_name_says() -> None:
    disc = torch.from_numpy(np.stack([draw("dot", np.random.default_rng(0))] * 64)[:, None] / 255).float()
    seeded = torch.Generator().manual_seed(0)
    ink = disc.sum((1, 2, 3))
    turned = augment(disc, only(rotation=180.0), seeded).sum((1, 2, 3))
    torch.testing.assert_close(turned, ink, rtol=0.1, atol=0)  # a turned disc keeps its ink
    zoomed = augment(disc, only(zoom=0.3), seeded).sum((1, 2, 3)) / ink
    assert zoomed.min() < 0.85
    assert zoomed.max() > 1.15
    paler = augment(disc, only(contrast=0.5), seeded).amax((1, 2, 3)) / disc.amax((1, 2, 3))
    assert 0.5 <= paler.min() < 0.6
    assert paler.max() <= 1
    erased = augment(torch.ones(64, 1, 32, 32), only(erase=1.0), seeded).mean((1, 2, 3))
    assert 0.8 <= erased.min() < erased.max() < 1
    moved = augment(disc, only(shift=0.2), seeded)
    column = (moved.sum((1, 2)) * torch.arange(16)).sum(1) / moved.sum((1, 2, 3)) - 7.5
    assert 2 < column.abs().max() < 0.2 * 16 + 1


# bad input


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 8, 8)), "(255 * images).round().astype(np.uint8)"),
        (np.zeros((2, 8, 8), np.int64), "expected uint8 from 0 to 255, got int64"),
        (np.zeros((8, 8), np.uint8), "one image is images[None]"),
        (np.zeros((2, 8, 8, 4), np.uint8), "images[..., :3]"),
        (np.zeros((2, 3, 8), np.uint8), "at least 4 x 4 pixels, got 3 x 8"),
        (["a.png"], "expected uint8"),
    ],
)
def test_bad_images_are_refused_with_what_to_do(images: object, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Encoder(TINY).embed(images, device="cpu")


def test_training_needs_two_classes() -> None:
    one_class = drawings().take(np.arange(5))
    with pytest.raises(ValueError, match=r"at least 2 classes, got 5 images of 1 class\(es\) in 'drawings'"):
        train_encoder(one_class, config=TINY, device="cpu")
    with pytest.raises(ValueError, match="at least 2 classes, got 0 images"):
        train_encoder(drawings().take([]), config=TINY, device="cpu")


def test_training_refuses_tiny_pictures_and_a_loss_that_overflows() -> None:
    with pytest.raises(ValueError, match="at least 4 x 4 pixels"):
        train_encoder(ImageSet(np.zeros((2, 2, 2), np.uint8), np.arange(2)), config=TINY, device="cpu")
    with pytest.raises(ValueError, match=r"the loss became .* lower config.lr"):
        train_encoder(drawings(), config=replace(TINY, lr=1e38), device="cpu", progress=False)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"image_size": 30}, "image_size: expected a multiple of 8"),
        ({"widths": ()}, "image_size: expected a multiple of 1"),
        ({"widths": (8, 0)}, "widths: expected an integer >= 1, got 0"),
        ({"batch_size": 1}, "batch_size: expected an integer >= 2"),
        ({"epochs": 0}, "epochs: expected an integer >= 1"),
        ({"lr": -0.1}, "lr: expected a finite number >= 0, got -0.1"),
        ({"margin": float("nan")}, "margin: expected a finite number"),
    ],
)
def test_config_refuses_by_name(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        EncoderConfig(**setting)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_trains_and_embeds_on_cuda() -> None:
    data = drawings()
    encoder = train_encoder(data, config=TINY, device="cuda", progress=False)
    on_cuda, on_cpu = (encoder.embed(data.images, device=device) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(on_cuda, on_cpu, atol=1e-2)
    assert neighbour_purity(on_cuda, data.labels) >= 0.95
