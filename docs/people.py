"""Draw docs/people.jpg: faces of ten people who do not exist, where the map puts them, framed by their cluster.

pip install -e '.[faces]' openpeople
python docs/people.py
"""

from pathlib import Path

import numpy as np
import openpeople
from PIL import Image, ImageDraw, ImageFont
from scipy.optimize import linear_sum_assignment

import workbench as wb
from workbench.views.style import GREY, PALETTE

CELL = 56  # pixels: a face, its frame, and a gap
FACE = 46
FRAME = 3
COLUMNS, ROWS = 24, 13
PEOPLE = Path(openpeople.__file__).parent / "data/curated"
HERE = Path(__file__).parent


def face(file: str, box: list[int]) -> Image.Image:
    """The face with a quarter of its side around it."""
    left, top, right, bottom = box
    more = (right - left) // 4
    with Image.open(file) as picture:
        part = picture.convert("RGB").crop((left - more, top - more, right + more, bottom + more))
    return part.resize((FACE, FACE), Image.Resampling.LANCZOS)


def cells(xy: np.ndarray) -> np.ndarray:
    """A cell of the grid for each face, so that none covers another: together as near to the map as can be."""
    low = xy.min(axis=0)
    places = (xy - low) / (xy.max(axis=0) - low) * [COLUMNS - 1, ROWS - 1]
    grid = np.stack(np.meshgrid(np.arange(COLUMNS), np.arange(ROWS)), axis=-1).reshape(-1, 2)
    distance = ((places[:, None] - grid) ** 2).sum(axis=2)  # (faces, cells)
    return grid[linear_sum_assignment(distance)[1]]


def colours(at: np.ndarray, clusters: np.ndarray) -> list[str]:
    """A colour per cluster, the one whose nearest cluster of that colour is farthest; grey for a face alone."""
    places = [at[clusters == cluster].astype(float) for cluster in range(clusters.max() + 1)]
    given: list[str] = []
    for own in places:
        others = [place if len(place) > 1 else place[:0] for place in places[: len(given)]]
        gaps = dict.fromkeys(PALETTE, np.inf)
        for other, colour in zip(others, given, strict=True):
            gap = np.abs(own[:, None] - other).max(axis=2).min(initial=np.inf)
            gaps[colour] = min(gaps.get(colour, np.inf), gap)
        given.append(max(PALETTE, key=gaps.__getitem__) if len(own) > 1 else GREY)
    return given


def draw(faces: list[Image.Image], at: np.ndarray, clusters: np.ndarray) -> Image.Image:
    """The faces in frames of their clusters' colours, and each cluster's number on its first face."""
    picture = Image.new("RGB", (COLUMNS * CELL, ROWS * CELL), "white")
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=15)
    ink = colours(at, clusters)

    inside = (CELL - FACE) // 2
    edge = inside - FRAME
    for one, (x, y), cluster in zip(faces, at * CELL, clusters, strict=True):
        pen.rectangle((x + edge, y + edge, x + CELL - 1 - edge, y + CELL - 1 - edge), fill=ink[cluster])
        picture.paste(one, (x + inside, y + inside))

    for cluster in np.unique(clusters):
        members = np.flatnonzero(clusters == cluster)
        x, y = min(at[members].tolist(), key=lambda place: (place[1], place[0]))  # the topmost, of these the first
        box = (x * CELL, y * CELL, x * CELL + 9 * len(str(cluster)) + 8, y * CELL + 19)
        pen.rounded_rectangle(box, 4, fill="#22262c")
        pen.text((x * CELL + 4, y * CELL + 1), str(cluster), fill="white", font=font)
    return picture


def main() -> None:
    """Cluster, lay out, draw, and say what came of it."""
    found = wb.embed(PEOPLE, encoder="faces")
    model = wb.HiLander(random_state=0, device="cpu").fit(found.features)
    xy = wb.views.umap_map(found.features, seed=0)
    boxes = found.rows[["left", "top", "right", "bottom"]].to_numpy().tolist()
    faces = [face(str(file), box) for file, box in zip(found.rows["file"], boxes, strict=True)]
    draw(faces, cells(xy), model.labels_).save(HERE / "people.jpg", quality=82, optimize=True)

    person = found.rows["file"].map(lambda file: Path(file).parts[-3]).astype("category").cat.codes.to_numpy()
    print(f"{len(faces)} faces, {model.n_clusters_} clusters", wb.scores(person, model.labels_))


if __name__ == "__main__":
    main()
