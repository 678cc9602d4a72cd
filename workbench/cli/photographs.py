"""`workbench cluster --faces` and `--photos`: what a folder of photographs becomes, and what is written of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .._core.files import data_home, link_groups
from .._core.tables import write_csv
from .reading import Items

if TYPE_CHECKING:
    from ..cluster.hilander import HiLander
    from ..encoder import Embedded

TABLE = "photographs.csv"
SKIPPED = "skipped.csv"
LINKS = "by-cluster"
MARGIN = 0.25  # of a face's side, shown around it
_AGREED = "faces-are-personal-data"


def check_personal_data(agreed: bool) -> None:
    """Faces are personal data: who clusters them says once that they may.

    Raises:
        PermissionError: it was not said yet; names the flag.
    """
    said = data_home() / _AGREED
    if agreed:
        said.parent.mkdir(parents=True, exist_ok=True)
        said.touch()
    if not said.exists():
        raise PermissionError(
            "--faces: faces are personal data, and features of faces biometric data; in many countries you need the "
            "consent of the people shown, or another reason in law. Features stay on this machine, in "
            f"{data_home() / 'embeddings'}. If you may do this, say so once: --personal-data"
        )


def read_photographs(folder: Path, *, faces: bool, cut: bool, device: str, progress: bool) -> tuple[Items, Embedded]:
    """Features of a folder of photographs, with a thumbnail of what each row shows."""
    from ..encoder import embed

    found = embed(folder, encoder="faces" if faces else "photos", detect=not cut, device=device, progress=progress)
    return Items(found.features, None, (), found.thumbnails(margin=MARGIN if faces else 0.0), found.name), found


def write_photographs(folder: Path, model: HiLander, found: Embedded, *, links: bool) -> None:
    """Tables of file, box, cluster, confidence and of what was skipped; if wanted, a folder of links per cluster."""
    table = found.rows.drop(columns="image").assign(cluster=model.labels_, confidence=model.confidence_)
    write_csv(table, folder / TABLE)
    write_csv(found.skipped.drop(columns="image"), folder / SKIPPED)
    if not links:
        return

    width = len(str(table["cluster"].max()))
    files = [file for file in found.files if file is not None]  # all are, of a folder
    link_groups(folder / LINKS, files, [f"{cluster:0{width}d}" for cluster in table["cluster"]])
