"""Damaged files for every reader: `python tests/robustness/fuzz.py --inputs 2000 --seed 0 [READER ...]`.

Each input is a sound file with some bytes flipped, cut, doubled or overwritten by large numbers. A reader must give its
data or raise a one-line ValueError or OSError that names the file. Anything else is printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
import random
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

import workbench as wb
from workbench.cli.reading import read_answers
from workbench.cluster.corrections import Correction, Corrections
from workbench.data import load_features, read_picture
from workbench.experiments.ablation.grid_file import read_grid
from workbench.experiments.ablation.store import Store, check_run
from workbench.experiments.benchmarks.results import read_results
from workbench.lander.official import load_official
from workbench.train.meta_train import _Keeper
from workbench.train.trainer import MetaTraining

X = np.random.default_rng(0).normal(size=(24, 5)).astype(np.float32)
Y = np.repeat(np.arange(6), 4)
LARGE = (0, 1, -1, 2**31 - 1, 2**32 - 1, 2**63 - 1, -(2**63), 10**9)
SLOW = 20.0  # seconds; an input that takes longer hangs


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    """What this writes to a file."""
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def pictures() -> list[bytes]:
    """One picture in each format."""
    grey = Image.effect_noise((12, 12), 50)
    kinds = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF")
    return [saved(lambda file, kind=kind: grey.save(file, kind)) for kind in kinds]


def official() -> list[bytes]:
    """Official weights in both of torch's formats."""
    ours = wb.Lander(wb.LanderConfig.published(hidden=8).for_features(4)).state_dict()
    state = {"conv.0.gcn_layer.mlp.weight": torch.zeros(8, 16), "conv.0.gcn_layer.mlp.bias": torch.zeros(8)}
    for name in ("src_mlp", "dst_mlp"):
        state |= {f"{name}.weight": torch.zeros(4, 8), f"{name}.bias": torch.zeros(4)}
    state |= {name.replace("head", "classifier_conn"): value for name, value in ours.items() if name.startswith("head")}
    formats = (True, False)
    return [saved(lambda file, new=new: torch.save(state, file, _use_new_zipfile_serialization=new)) for new in formats]


def checkpoints() -> list[bytes]:
    """The two packaged LANDERs."""
    weights = files("workbench.lander") / "weights"
    return [(weights / f"{name}.safetensors").read_bytes() for name in ("general", "glyphs-lander")]


def tables() -> list[bytes]:
    """Columns, and lists in one column."""
    frames = (pd.DataFrame(X, columns=list("abcde")).assign(label=Y), pd.DataFrame({"features": list(X), "label": Y}))
    return [saved(lambda file, frame=frame: frame.to_parquet(file)) for frame in frames]


def corrections() -> list[bytes]:
    """Merged, split and named, rows by number."""
    steps = (
        Correction("merge", together=((0, 5, 7),)),
        Correction("split", together=((0, 5),), apart=((0, 7), (0, 8))),
        Correction("name", together=((3,),), name="café"),
        Correction("confirm", together=((3, 4),)),
    )
    with tempfile.TemporaryDirectory() as folder:
        Corrections(24, "0f" * 8, steps).save(Path(folder) / "a.json")
        return [(Path(folder) / "a.json").read_bytes()]


def keeper(state: Path) -> _Keeper:
    """A short meta-training that goes on from a file, if it is there."""
    brief = wb.TrainConfig(epochs=2, refresh=1, validate=1, episodes=1, projections=(1.0,))
    return _Keeper(MetaTraining(X, Y, wb.LanderConfig(hidden=4, layers=1), training=brief, state=state))


def runs() -> list[bytes]:
    """The meta-training, saved after an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        going = keeper(Path(folder) / "a.safetensors")
        going.run.run_epoch()
        going.after_epoch()
        return [(Path(folder) / "a.safetensors").read_bytes()]


def benches() -> list[bytes]:
    """A measured case."""
    run = {"suite": "knn", "n": 100, "case": "ours", "beside": "", "repeat": 0, "seconds": 0.1, "peak_mb": 10}
    empty = {"machine": {}, "versions": {}, "settings": {}, "skipped": [], "failed": []}
    return [json.dumps({"format": 1, **empty, "runs": [run]}).encode()]


ANSWERS = b"first,second,same\n0,1,1\n2,3,0\n10,12,1\n"
GRID = b"""data = "glyphs"
seeds = 5
[base]
training.epochs = 40
[grid]
lander.conv = ["gcn", "gat"]
lander.layers = [1, 2]
"""
RUN = b'{"data": "d", "code": "c", "run": "a", "rows": [{"level": 0, "bcubed_f": 0.5}], "error": ""}'
NAME = "given7"  # of every damaged file; errors must have it
READERS: dict[str, tuple[str, Callable[[], list[bytes]], Callable[[Path], object]]] = {
    "npy": (".npy", lambda: [saved(lambda file: np.save(file, X))], load_features),
    "npz": (".npz", lambda: [saved(lambda file: np.savez_compressed(file, X=X, y=Y))], load_features),
    "parquet": (".parquet", tables, load_features),
    "pickle": (".pkl", lambda: [pickle.dumps([X, Y], protocol=p) for p in range(6)], load_features),
    "meta": (".meta", lambda: ["\n".join(map(str, Y)).encode(), b"a\nb\n" * 12], lambda p: load_features(beside(p))),
    "picture": (".png", pictures, read_picture),
    "checkpoint": (".safetensors", checkpoints, wb.load_checkpoint),
    "official": (".pth", official, load_official),
    "grid": (".toml", lambda: [GRID], read_grid),
    "store": (".json", lambda: [RUN], lambda p: Store(p.parent, check_run).read(p.stem)),
    "answers": (".csv", lambda: [ANSWERS, ANSWERS.decode().encode("utf-8-sig")], read_answers),
    "corrections": (".json", corrections, Corrections.load),
    "run": (".safetensors", runs, keeper),
    "bench": (".json", benches, read_results),
}


def beside(meta: Path) -> Path:
    """The features whose labels are in this file."""
    X.tofile(meta.with_suffix(".bin"))
    return meta.with_suffix(".bin")


def damaged(whole: bytes, draw: random.Random) -> bytes:
    """The file with one to sixteen wounds, more of them near its head, where sizes stand."""
    wounded = bytearray(whole)
    for _ in range(draw.choice([1, 1, 1, 2, 4, 16])):
        if not wounded:
            break
        at = draw.randrange(len(wounded) if draw.random() < 0.5 else min(len(wounded), 400))
        kind = draw.randrange(7)
        if kind == 0:
            wounded[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            wounded[at] = draw.choice([0, 127, 128, 255])
        elif kind == 2:
            del wounded[at : at + draw.choice([1, 4, 100])]
        elif kind == 3:
            wounded[at:at] = draw.randbytes(draw.choice([1, 4, 64]))
        elif kind == 4:
            del wounded[at:]
        elif kind == 5:
            number = struct.pack("<q", draw.choice(LARGE))[: draw.choice([4, 8])]
            wounded[at : at + len(number)] = number
        else:
            digits = [i for i in range(min(len(wounded), 2000)) if chr(wounded[i]).isdigit() and wounded[i] < 128]
            if digits:
                at = draw.choice(digits)
                wounded[at : at + 1] = draw.choice([b"999", b"0", b"-1", b"4294967296", b"1e9", b"9" * 20])
    return bytes(wounded)


def outcome(read: Callable[[Path], object], path: Path) -> str:
    """ "read", "refused", or what is wrong."""
    start = time.perf_counter()
    try:
        read(path)
        how = "read"
    except (ValueError, OSError) as error:
        how = "refused"
        if "\n" in str(error).strip() or not (NAME in str(error) or str(error).startswith(("weights", "labels"))):
            how = f"WRONG: no one-line error that names the file: {str(error)[:200]!r}"
    except BaseException as error:  # noqa: BLE001  # exactly what must never come
        how = f"WRONG: {type(error).__name__}: {str(error)[:200]!r}"
    return how if time.perf_counter() - start < SLOW else f"WRONG: took over {SLOW:.0f} s, then {how}"


def fuzz(reader: str, inputs: int, seed: int) -> Counter[str]:
    """How often each outcome came."""
    ending, sound, read = READERS[reader]
    draw = random.Random(f"{reader}{seed}")
    outcomes: Counter[str] = Counter()
    whole = sound()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / f"{NAME}{ending}"
        for _ in range(inputs):
            path.write_bytes(damaged(draw.choice(whole), draw))
            outcomes[outcome(read, path)] += 1
    return outcomes


def main() -> int:
    """Run the readers asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", choices=[[], *READERS])
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    wrong = 0
    for reader in asked.readers or READERS:
        start = time.perf_counter()
        outcomes = fuzz(reader, asked.inputs, asked.seed)
        wrong += sum(count for how, count in outcomes.items() if how.startswith("WRONG"))
        print(f"{reader}: {asked.inputs} inputs, {time.perf_counter() - start:.0f} s: {dict(outcomes)}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
