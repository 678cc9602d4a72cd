"""LANDERs from official weights: state dicts that the authors' DGL code saves."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .._core.files import naming_file, reading, regular_file
from .._core.runtime import seeded, usual_torch
from .._core.state import check_finite
from .config import InferenceConfig, LanderConfig
from .model import Lander

# The settings of the authors' published test commands ("faces": that of IMDB; `published.recipes` has those of every
# run). Their k = 10 counts the node itself.
PRESETS = {
    "faces": InferenceConfig.published(k=9, tau=0.8, early_stop=True),
    "inat": InferenceConfig.published(k=9, tau=0.1, early_stop=True),
}

_BEGINNINGS = (  # of official names, of ours
    ("conv.#.gcn_layer.mlp.", "convs.#.mlp."),
    ("conv.#.gcn_layer.fc.", "convs.#.fc."),
    ("conv.#.gcn_layer.attn_", "convs.#.attn_"),
    ("conv.#.gcn_layer.bias", "convs.#.bias1"),
    ("conv.#.bias", "convs.#.bias2"),
    ("src_mlp.", "of_source."),
    ("dst_mlp.", "of_target."),
    ("classifier_conn.", "head."),
)


def our_name(official: str) -> str:
    """The name of an official weight in `Lander.state_dict()`.

    Example:
        >>> our_name("conv.0.gcn_layer.mlp.weight"), our_name("src_mlp.bias")
        ('convs.0.mlp.weight', 'of_source.bias')
    """
    return _renamed(official, _BEGINNINGS)


def official_name(ours: str) -> str:
    """The other way round.

    Example:
        >>> official_name("convs.0.bias2"), official_name("head.2.weight")
        ('conv.0.bias', 'classifier_conn.2.weight')
    """
    return _renamed(ours, [(new, old) for old, new in _BEGINNINGS])


def _renamed(name: str, beginnings: Iterable[tuple[str, str]]) -> str:
    for old, new in beginnings:
        found = re.match(re.escape(old).replace(r"\#", r"(\d+)"), name)
        if found:
            return new.replace("#", "".join(found.groups())) + name[found.end() :]
    raise ValueError(f"weights: {name!r} is no weight of an official LANDER")


@usual_torch()
def load_official(
    weights: str | Path | Mapping[str, Tensor],
    *,
    average: bool | None = None,
    preset: str = "faces",
    k: int | None = None,
    tau: float | None = None,
    early_stop: bool | None = None,
) -> Lander:
    """A LANDER with official weights.

    Convolution, heads and depth follow from the shapes of the weights. Whether a node reads its average feature does
    not: 64 inputs are 64-d features, or 32-d features twice. With average=None the dimension of the first features
    settles it; features that fit neither way are refused.

    Args:
        weights: a state dict, or a file made of one by torch.save (read with weights_only=True).
        average: does a node read [identity ; average]? None: settled later.
        preset: "faces" (tau 0.8) or "inat" (tau 0.1), both with early stop; k = 9 is the official 10.
        k, tau, early_stop: override the preset.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a file of weights, or not those of an official LANDER.

    Example:
        >>> ours = Lander(LanderConfig.published(hidden=8).for_features(4))
        >>> weights = {"conv.0.gcn_layer.mlp.weight": torch.zeros(8, 16), "conv.0.gcn_layer.mlp.bias": torch.zeros(8)}
        >>> for name in ("src_mlp", "dst_mlp"):
        ...     weights |= {f"{name}.weight": torch.zeros(4, 8), f"{name}.bias": torch.zeros(4)}
        >>> head = {name.replace("head", "classifier_conn"): value for name, value in ours.state_dict().items()}
        >>> weights |= {name: value for name, value in head.items() if name.startswith("classifier_conn")}
        >>> load_official(weights).config.hidden
        8

    Source: dmlc/dgl, examples/pytorch/hilander.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {preset!r}")
    inference = PRESETS[preset].override(k=k, tau=tau, early_stop=early_stop)
    if not isinstance(weights, (str, Path)):
        return _filled(weights, average, inference)
    state = _read(weights)
    with naming_file(weights):
        return _filled(state, average, inference)


def _filled(state: Mapping[str, Tensor], average: bool | None, inference: InferenceConfig) -> Lander:
    renamed = {our_name(name): tensor for name, tensor in state.items()}
    check_finite(renamed, "weights")
    config = _architecture(renamed, average)
    with torch.device("meta"):  # nothing is allocated before names and shapes are known to fit
        shapes = {name: value.shape for name, value in Lander(config, inference).state_dict().items()}
    missing = sorted(map(official_name, set(shapes) ^ set(renamed)))
    if missing:
        raise ValueError(f"weights: a complete official LANDER was expected; missing or unknown here: {missing}")
    for name, value in renamed.items():
        if value.numel() != shapes[name].numel():
            raise ValueError(
                f"weights: {official_name(name)} has shape {list(value.shape)}, {list(shapes[name])} fits the others"
            )

    model = seeded(lambda: Lander(config, inference), 0)
    # reshape: DGL and this code may differ in axes of length 1; the numbers of values were compared above.
    model.load_state_dict({name: value.reshape(shapes[name]) for name, value in renamed.items()})
    return model.eval()


def _read(path: str | Path) -> dict[str, Tensor]:
    if not Path(path).exists():
        raise FileNotFoundError(f"weights: no file at {path}")
    with reading(path, "file of weights alone"):
        _check_size(regular_file(path))
        try:
            # weights_only: an untrusted pickle can run code.
            state: Any = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, LookupError):  # text that advises to load it all the same, or says nothing
            raise ValueError("it is damaged, or names other things than tensors") from None
        if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
            raise ValueError(f"weights: {path} holds no state dict; save model.state_dict()")
        if not all(isinstance(name, str) for name in state):
            raise ValueError("expected names of weights")
        _check_plain(state, path)
    return dict(state)


def _check_size(path: Path) -> None:
    """torch.save packs without compression; a compressed file may unpack to a thousand times its size."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            stated = sum(info.file_size for info in archive.infolist())
        if stated > path.stat().st_size:
            raise ValueError(f"it states {stated} bytes of contents")


def _check_plain(state: Mapping[str, Tensor], path: str | Path) -> None:
    """Plain numbers, as many as the file holds: a tensor may claim a shape that repeats one number without end."""
    for name, value in state.items():
        if value.layout != torch.strided or not value.is_floating_point() or value.device.type != "cpu":
            raise ValueError(f"{name} is no plain array of real numbers")
    claimed = sum(value.numel() * value.element_size() for value in state.values())
    if claimed > Path(path).stat().st_size:
        raise ValueError(f"its tensors claim {claimed} bytes")


def _architecture(state: dict[str, Tensor], average: bool | None) -> LanderConfig:
    """Read the settings off the shapes of the (renamed) weights."""
    layers = len({m[1] for name in state if (m := re.match(r"convs\.(\d+)\.", name))})
    if not layers or "of_source.weight" not in state:
        raise ValueError("weights: expected conv.*, src_mlp.*, dst_mlp.* and classifier_conn.*; this is no LANDER")

    for name in ("of_source.weight", "convs.0.mlp.weight", "convs.0.fc.weight", "convs.0.attn_l"):
        if name in state and state[name].ndim < 2:
            raise ValueError(f"weights: {name} has shape {list(state[name].shape)}, expected a matrix")

    hidden = state["of_source.weight"].shape[1]
    if "convs.0.mlp.weight" in state:
        return LanderConfig("features", "gcn", layers, hidden, 1, average, state["convs.0.mlp.weight"].shape[1] // 2)

    if "convs.0.fc.weight" not in state or "convs.0.attn_l" not in state:
        raise ValueError("weights: the first convolution is neither the graph convolution nor GAT")
    heads = state["convs.0.attn_l"].shape[1]
    return LanderConfig("features", "gat", layers, hidden, heads, average, state["convs.0.fc.weight"].shape[1])
