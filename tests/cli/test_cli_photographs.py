"""`workbench cluster --faces` and `--photos`: from a folder of photographs to tables, links and a report."""

import os
import sys
from pathlib import Path

import numpy as np
import openpeople
import pandas as pd
import pytest
from PIL import Image
from runner import OFF, failed, run

import workbench as wb
from workbench.encoder import photographs as embedding

PEOPLE = Path(openpeople.__file__).parent / "data/curated"
PICTURES = ("studio_portrait", "amateur_selfie", "studio_posture")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Five people who do not exist, three small pictures of each, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("photographs")
    for person in range(1, 6):
        for name in PICTURES:
            with Image.open(PEOPLE / f"P00{person}" / "assets" / f"{name}.jpg") as picture:
                picture.thumbnail((800, 800))
                picture.save(folder / f"P00{person}_{name}.jpg")
    (folder / "half.jpg").write_bytes(b"\xff\xd8half")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def own_data(data, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATA", str(data))


def test_the_first_run_asks_for_the_flag_and_later_ones_do_not(photographs, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "fresh"))
    result = run("cluster", "--faces", photographs, "-o", tmp_path / "out", *OFF)
    failed(result, "--faces: faces are personal data", "--personal-data", tmp_path / "fresh")
    assert not (tmp_path / "out").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    for flag in (["--personal-data"], []):
        failed(run("cluster", "--faces", empty, "-o", tmp_path / "out", *flag, *OFF), "no picture found")


def test_faces_get_clusters_and_links(photographs, tmp_path):
    result = run("cluster", "--faces", photographs, "-o", tmp_path, "--personal-data", "--links", *OFF)
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv(tmp_path / "photographs.csv")
    assert list(table) == ["file", "left", "top", "right", "bottom", "cluster", "confidence"]
    assert len(table) == 15
    found = wb.embed(photographs, encoder="faces", progress=False)  # kept by the command
    assert table["file"].tolist() == found.rows["file"].tolist()
    assert np.array_equal(table["cluster"], wb.HiLander(device="cpu", random_state=0).fit_predict(found.features))
    skipped = pd.read_csv(tmp_path / "skipped.csv")
    assert [Path(file).name for file in skipped["file"]] == ["half.jpg"]
    links = sorted((tmp_path / "by-cluster").glob("*/*"))
    assert len(links) == 15
    assert {Path(os.readlink(link)) for link in links} == {Path(file) for file in table["file"]}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")  # umap, at import
def test_photographs_get_clusters_with_thumbnails_in_the_report(photographs, tmp_path):
    result = run("cluster", "--photos", photographs, "-o", tmp_path, "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    assert "1 files skipped" in result.stdout
    assert "data:image/png" in (tmp_path / "report.html").read_text()
    assert not (tmp_path / "by-cluster").exists()


def test_links_of_an_earlier_run_go(photographs, tmp_path):
    assert run("cluster", "--photos", photographs, "-o", tmp_path, "--links", *OFF).exit_code == 0
    assert (tmp_path / "by-cluster").exists()
    np.save(tmp_path / "rows.npy", np.eye(4, dtype=np.float32))
    assert run("cluster", tmp_path / "rows.npy", "-o", tmp_path, *OFF).exit_code == 0
    assert not (tmp_path / "by-cluster").exists()
    assert not (tmp_path / "photographs.csv").exists()


@pytest.mark.parametrize(
    "options",
    [(), ("--faces", ".", "--photos", "."), ("rows.npy", "--links"), ("--photos", ".", "--cut")],
)
def test_wrong_usage_is_told(options, tmp_path):
    assert run("cluster", *options, "-o", tmp_path).exit_code == 2


def test_one_photograph_is_one_cluster(photographs, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "one.jpg").write_bytes((photographs / "P001_studio_portrait.jpg").read_bytes())
    assert run("cluster", "--photos", alone, "-o", tmp_path / "out", *OFF).exit_code == 0
    assert pd.read_csv(tmp_path / "out/photographs.csv")["cluster"].tolist() == [0]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="their disks take no such names")
@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_a_name_that_is_no_utf_8_is_clustered_and_escaped(format, tmp_path, monkeypatch):
    def colour(batch):
        return np.stack([np.asarray(picture, dtype=np.float64).mean(axis=(0, 1)) for picture in batch])

    monkeypatch.setattr(embedding, "_encoder", lambda *given: embedding.Function(colour))
    folder = tmp_path / os.fsdecode(b"ann\xe9e")
    folder.mkdir()
    for i in range(12):
        Image.new("RGB", (8, 8), ((20, 0, 200) if i % 2 else (200, i, 0))).save(tmp_path / "new.png")
        (tmp_path / "new.png").rename(folder / os.fsdecode(b"caf\xe9%02d.png" % i))
    (folder / os.fsdecode(b"caf\xe9.txt")).touch()
    out = tmp_path / os.fsdecode(b"sorti\xe9")
    options = ("--links", "--no-report", "--device", "cpu", "--format", format)
    result = run("cluster", "--photos", folder, "-o", out, *options)
    assert result.exit_code == 0, result.stderr
    assert "1 files skipped" in result.stdout
    table = pd.read_csv(out / "photographs.csv")
    assert table["file"].tolist() == [f"{tmp_path}/ann\\xe9e/caf\\xe9{i:02d}.png" for i in range(12)]
    assert pd.read_csv(out / "skipped.csv")["file"].tolist() == [f"{tmp_path}/ann\\xe9e/caf\\xe9.txt"]
    links = {os.readlink(link) for link in (out / "by-cluster").glob("*/*")}
    assert links == {str(folder / os.fsdecode(b"caf\xe9%02d.png" % i)) for i in range(12)}
    assert (out / f"labels.{format}").exists()
