"""`workbench review`: a notebook in which a clustering is put right by hand, opened in JupyterLab."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .._core.files import atomic_path, reading
from .._core.names import readable
from .shell import show

NOTEBOOK = "review.ipynb"
LIBRARIES = "import pandas as pd, workbench as wb\nfrom workbench.views import explore_review"
WORDS = """# Review of {name}

Run all cells. Click the board, then answer by key: **Y** same, **N** different, **space** not sure, **U** undo. A click
selects an item, shift-click all up to it, a lasso on the map what is inside. Drag what is selected onto another
cluster, or give it a label. `confirm` says that a cluster is right. Every step is saved in `corrections.json`, and
taken over when you run this notebook again. *Export* writes a table (`labels.csv`, `labels.parquet`){links}."""
PHOTOGRAPHS = """found = wb.embed({source!r}, encoder={encoder!r})
features, names = found.features, {names}
print(found)"""
NAMES = 'found.rows["file"]'
FACES = '[f"{face.file} at {face.left}, {face.top}" for face in found.rows.itertuples()]'  # a photograph shows several
FEATURES = """data = wb.load_features({source!r})
features = data.features"""
TABLE = """table = pd.{reader}({table!r})"""
EXPLORE = """model = wb.HiLander().fit(features)
explore_review(model, {shown}path="corrections.json", xy="umap")"""

Source = Annotated[
    Path, typer.Argument(metavar="DIR_OR_FEATURES", help="A folder of photographs, or a file of features.")
]
Faces = Annotated[bool, typer.Option("--faces", help="Sort the people on the photographs.")]
Table = Annotated[
    Path | None, typer.Option("--texts", metavar="FILE", help="Of features: .csv or .parquet, a row per item, to read.")
]
Folder = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", file_okay=False, help="Folder of the notebook and the answers.")
]
PersonalData = Annotated[
    bool, typer.Option("--personal-data", help="With --faces, once: you may process these people's faces.")
]
Jupyter = Annotated[list[str] | None, typer.Argument(metavar="-- OPTIONS", help="Of JupyterLab, after two dashes.")]
Start = Annotated[bool, typer.Option("--start/--no-start", help="Start JupyterLab, or only write the notebook.")]


def review(
    source: Source,
    jupyter: Jupyter = None,
    out: Folder = Path("review"),
    texts: Table = None,
    faces: Faces = False,
    personal_data: PersonalData = False,
    start: Start = True,
) -> None:
    """Put a clustering right by hand, in JupyterLab.

    Writes DIR/review.ipynb and opens it; one of these data that is there is opened as it is. Answers are kept in
    DIR/corrections.json. What follows `--` goes to JupyterLab, e.g. `-- --no-browser --port=9999`.
    """
    if not source.exists():
        raise FileNotFoundError(f"{source}: no such file or folder")
    if source.is_dir():
        from ..data.pictures import find_pictures

        if not find_pictures(source).paths:
            raise FileNotFoundError(f"{source}: no picture found; expected .jpg, .png, .webp or the like")
    if faces and not source.is_dir():
        raise typer.BadParameter("--faces goes with a folder of photographs only")
    if texts is not None and (source.is_dir() or not texts.exists() or texts.suffix not in (".csv", ".parquet")):
        raise typer.BadParameter("--texts goes with a file of features, and is a .csv or .parquet file that is there")
    if not source.is_dir():
        _check_features(source, texts)
    if faces:
        from .photographs import check_personal_data

        check_personal_data(personal_data)
    there = (out / NOTEBOOK).exists()
    path = write_notebook(out, source, faces=faces, texts=texts)
    show(f"as it is there: {path}" if there else f"written to {path}")
    if start:
        code = subprocess.run([sys.executable, "-m", "jupyterlab", str(path), *(jupyter or ())], check=False).returncode
        raise typer.Exit(code)


def _check_features(source: Path, texts: Path | None) -> None:
    """That the notebook will be able to read the features, and a text for each."""
    import pandas as pd

    from ..data import load_features

    rows = len(load_features(source))
    if texts is None:
        return
    with reading(texts, f"{texts.suffix} file of texts"):
        table = pd.read_csv(texts) if texts.suffix == ".csv" else pd.read_parquet(texts)
    if len(table) != rows:
        raise ValueError(f"{texts}: expected {rows:,} rows, one for each of {source}, got {len(table):,}")


def write_notebook(out: Path, source: Path, *, faces: bool = False, texts: Path | None = None) -> Path:
    """The notebook of a review, in a folder; one that is there stays as it is.

    Raises:
        ValueError: one of other data, or without these texts, is there.
    """
    path = out / NOTEBOOK
    if path.exists():
        text = path.read_text(encoding="utf-8", errors="replace")
        for given in [source] if texts is None else [source, texts]:
            # JupyterLab writes letters as they are, we with escapes
            written = (json.dumps(repr(str(given.resolve())), ensure_ascii=only_ascii) for only_ascii in (True, False))
            if not any(name[1:-1] in text for name in written):
                raise ValueError(f"out: {path} is a review of other data than {given}; give another folder: -o DIR")
        return path
    from .photographs import MARGIN

    where = str(source.resolve())
    read = [LIBRARIES]
    shown = ""
    if source.is_dir():
        encoder, names = ("faces", FACES) if faces else ("photos", NAMES)
        read.append(PHOTOGRAPHS.format(source=where, encoder=encoder, names=names))
        shown = f"found.thumbnails(margin={MARGIN if faces else 0.0}), ids=names, files=found.files, "
    else:
        read.append(FEATURES.format(source=where))
    if texts is not None:
        read.append(TABLE.format(reader=f"read_{texts.suffix[1:]}", table=str(texts.resolve())))
        shown = "texts=table, "
    links = ", and a name without an ending a folder of links per cluster" if source.is_dir() else ""
    words = WORDS.format(name=readable(source.name), links=links)
    code: dict[str, Any] = {"cell_type": "code", "execution_count": None, "outputs": []}
    kinds = [{"cell_type": "markdown"}, *[code] * (len(read) + 1)]
    texts_of_cells = [words, *read, EXPLORE.format(shown=shown)]
    cells = [
        {**kind, "id": f"review-{i}", "metadata": {}, "source": text}
        for i, (kind, text) in enumerate(zip(kinds, texts_of_cells, strict=True))
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    with atomic_path(path) as part:
        part.write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    return path
