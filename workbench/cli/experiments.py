"""`workbench experiments`: the article's questions on real photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .shell import Device, Quiet, check_output, check_writable, show, silent

if TYPE_CHECKING:
    from ..experiments.faces_species import SplitFeatures

experiments = typer.Typer(no_args_is_help=True, help="The article's questions on real photographs.")


@experiments.callback()
def _experiments() -> None:
    """The article's questions on real photographs."""


_FILE = "features, labels, split (0 learn, 1 choose, 2 test)"
Faces = Annotated[Path | None, typer.Option(metavar="FILE.npz", help=f"Faces: {_FILE}; else LFW is loaded.")]
Flowers = Annotated[Path | None, typer.Option(metavar="FILE.npz", help=f"Flowers: {_FILE}; else Oxford-102.")]
Butterflies = Annotated[Path | None, typer.Option(metavar="FILE.npz", help="Butterflies: split 2 only; else Leeds.")]
Folder = Annotated[Path, typer.Option("--store", metavar="DIR", file_okay=False, help="Finished runs; goes on there.")]
Table = Annotated[Path, typer.Option("--out", "-o", metavar="FILE.csv", dir_okay=False, help="All rows.")]
Seeds = Annotated[int, typer.Option(min=1, metavar="N", help="Seeds 0 to N - 1.")]
Arm = Annotated[
    list[str] | None,
    typer.Option("--arm", "-a", metavar="NAME", help="cut, default, published or before; may be repeated [all]."),
]
Trial = Annotated[bool, typer.Option("--trial", help="A few steps of each training, to see that all of it runs.")]
Task = Annotated[Literal["faces", "species"] | None, typer.Option("--task", help="Only this one.")]


@experiments.command("faces-species")
def faces_species(
    faces: Faces = None,
    flowers: Flowers = None,
    butterflies: Butterflies = None,
    task: Task = None,
    arm: Arm = None,
    seeds: Seeds = 5,
    trial: Trial = False,
    store: Folder = Path("faces-species"),
    out: Table = Path("faces-species.csv"),
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Learn from some people or species, cluster others: every recipe and every baseline on the same features.

    Interrupted, it goes on from --store. Writes a row per method, test and seed, and prints means with intervals and
    how much better the learned methods are. Without files the photographs are loaded and embedded (`workbench.load`).
    """
    from .._core.tables import write_csv
    from .._core.validation import check_choice
    from ..experiments.faces_species import ARMS, Task, gains, means, run_faces_species

    arms = [check_choice(name, "arm", tuple(ARMS)) for name in arm or ARMS]
    check_writable(store)
    check_output(out, faces, flowers, butterflies, ending=".csv")
    files = {"lfw": faces} if task != "species" else {}
    files |= {"flowers102": flowers, "butterflies": butterflies} if task != "faces" else {}
    found = _read(files, quiet)
    tasks = {"faces": Task.faces(found["lfw"])} if "lfw" in found else {}
    if "flowers102" in found:
        tasks["species"] = Task.species(found["flowers102"], found["butterflies"])

    say = silent if quiet else show
    table = run_faces_species(store, tasks, arms=arms, seeds=tuple(range(seeds)), device=device, trial=trial, say=say)
    write_csv(table, out)
    for shown in (means(table), gains(table)):
        say(shown.to_string(index=False, float_format="{:.3f}".format))


def _read(files: dict[str, Path | None], quiet: bool) -> dict[str, SplitFeatures]:
    """The sets of photographs; those in files first, so that a bad one is told before anything is downloaded."""
    from ..experiments.faces_species import embedded_set, read_split_features

    found = {name: read_split_features(file) for name, file in files.items() if file is not None}
    return found | {name: embedded_set(name, progress=not quiet) for name in files if name not in found}
