"""`workbench reproduce`: a published run again, from the files that its authors distribute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .shell import Device, Quiet, Seed, check_output, show

if TYPE_CHECKING:
    import pandas as pd

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A recipe; --list shows them.")]
Data = Annotated[Path | None, typer.Option(metavar="DIR", file_okay=False, help="Folder with the files.")]
List = Annotated[bool, typer.Option("--list", help="Show the recipes, and which of their files are in DIR.")]
Weights = Annotated[Path | None, typer.Option(metavar="FILE", help="Official weights, or a file of --save.")]
Save = Annotated[Path | None, typer.Option(metavar="FILE.safetensors", dir_okay=False, help="Keep the trained model.")]
Test = Annotated[Path | None, typer.Option(metavar="FILE", help="Test features in place of the recipe's.")]
Train = Annotated[Path | None, typer.Option(metavar="FILE", help="Training features in place of the recipe's.")]
Epochs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Fewer than published, for a trial.")]
Table = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE.csv", dir_okay=False, help="Keep the table.")]


def reproduce(
    name: Name = None,
    data: Data = None,
    list_: List = False,
    weights: Weights = None,
    save: Save = None,
    test: Test = None,
    train: Train = None,
    epochs: Epochs = None,
    out: Table = None,
    device: Device = "auto",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Do a published run again: ours beside the figure.

    With --weights only the test is run; without, the model is trained first with the published settings, which takes a
    GPU and hours on the whole sets. The files are the authors' and are not part of the workbench: --list says which
    are there, and where the missing ones can be had.
    """
    if list_:
        _show(data)
        return
    from ..experiments.published import reproduce as run
    from ..experiments.published.recipes import get_recipe

    if name is None:
        raise typer.BadParameter("give the name of a recipe and --data DIR, or --list")
    recipe = get_recipe(name)
    if data is None:
        raise typer.BadParameter(f"give --data DIR, the folder of {name}'s files")
    inputs = (weights, test, train, recipe.test.find(data), recipe.train.find(data))
    if out is not None:
        check_output(out, *inputs, ending=".csv")
    if save is not None:
        check_output(save, *inputs, ending=".safetensors")
    files: dict[str, Any] = {"weights": weights, "save": save, "test": test, "train": train}
    table = run(name, data, **files, epochs=epochs, device=device, seed=seed, progress=not quiet)
    _tell(name, table, out, quiet)


def _tell(name: str, table: pd.DataFrame, out: Path | None, quiet: bool) -> None:
    """Keep the table, show it."""
    from .._core.tables import write_csv
    from ..experiments.published import RECIPES

    if out is not None:
        write_csv(table, out)
    show(table.drop(columns="source").to_string(index=False, float_format="{:.3f}".format, na_rep="-"))
    if RECIPES[name].note and not quiet:
        show(f"note: {RECIPES[name].note}")


def _show(data: Path | None) -> None:
    """The table of recipes, then every file that is missing."""
    from ..experiments.published import RECIPES, recipes

    if data is not None and not data.is_dir():
        raise FileNotFoundError(f"data: no folder at {data}")
    hidden = ["test_file", "train_file"]
    show(recipes(data).drop(columns=hidden).to_string(index=False))
    show("\nsettings: of the authors' commands for Hi-LANDER at that commit; figures: of the method named")
    files = {file for recipe in RECIPES.values() for file in (recipe.test, recipe.train)}
    missing = sorted((file for file in files if data is None or not file.find(data)), key=lambda file: file.path)
    for where in sorted({file.where for file in missing}):
        show(f"\nmissing{f' in {data}' if data else ''}; {where}:")
        for file in (file for file in missing if file.where == where):
            show(f"  {file.path}: {file.what}, {file.size}")
