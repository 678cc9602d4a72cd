import json
import os
import re
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from runner import OFF, failed, run

import workbench as wb
from workbench.cli.results import MADE, RESULTS


@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_cluster_gives_what_the_estimator_gives(format, home, clustered, tmp_path):
    assert clustered("mine.npz", "--format", format).exit_code == 0
    read = pd.read_csv if format == "csv" else pd.read_parquet
    table, tree, summary = (read(tmp_path / f"out/{name}.{format}") for name in ("labels", "hierarchy", "summary"))
    data = wb.data.load_features(home / "mine.npz")
    model = wb.HiLander(home / "lander.safetensors", device="cpu").fit(data.features)
    layers = [table[f"level_{i}"].to_numpy() for i in range(len(model.cluster_layers_))]
    assert all(np.array_equal(a, b) for a, b in zip(layers, model.cluster_layers_, strict=True))
    assert np.array_equal(layers[-1], model.labels_)
    assert table["row"].tolist() == list(range(len(data)))
    assert [data.class_names[label] for label in table["label"]] == table["class_name"].tolist()
    assert table["is_peak"].sum() == model.n_clusters_
    assert (layers[-1][table["representative"]] == layers[-1]).all()
    pd.testing.assert_frame_equal(tree, model.hierarchy_.to_pandas(), check_dtype=False)
    pd.testing.assert_frame_equal(summary, model.hierarchy_.summary(), check_dtype=False)
    last = json.loads((tmp_path / "out/scores.json").read_text())[-1]
    assert last == {"level": len(layers) - 1, **wb.scores(data.labels, model.labels_)}


def test_settings_reach_the_model(home, clustered, tmp_path):
    options = ("--k", 3, "--tau", 0.2, "--max-levels", 1, "--no-early-stop", "--format", "csv")
    options += ("--metric", "discriminant", "--precision", "bfloat16")
    assert clustered("rows.npy", *options).exit_code == 0
    settings = {"k": 3, "tau": 0.2, "max_levels": 1, "early_stop": False, "metric": "discriminant"}
    model = wb.HiLander(home / "lander.safetensors", device="cpu", precision="bfloat16", **settings)
    assert (
        pd.read_csv(tmp_path / "out/labels.csv")["level_0"].tolist()
        == model.fit_predict(np.load(home / "rows.npy")).tolist()
    )
    assert not (tmp_path / "out/scores.json").exists()  # no labels, no scores


@pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")  # umap, at import
def test_images_are_embedded_and_reported_on_one_page_that_needs_no_network(pictures, home, tmp_path):
    encoder, lander = pictures / "enc.safetensors", home / "lander.safetensors"
    result = run("cluster", pictures / "images", "-o", tmp_path, "--encoder", encoder, "--lander", lander)
    assert result.exit_code == 0, result.stderr
    assert "18 items" in result.stdout
    table = pd.read_parquet(tmp_path / "labels.parquet")
    images = wb.data.load_features(pictures / "images")
    features = wb.load_checkpoint(encoder).embed(images.images)
    assert table[table.columns[1]].tolist() == wb.HiLander(lander).fit(features).cluster_layers_[0].tolist()
    assert table["class_name"].tolist() == ["bar"] * 6 + ["dot"] * 6 + ["ring"] * 6
    page = (tmp_path / "report.html").read_text()
    assert page.rstrip().endswith("</html>")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"https?:", page)
    small = run(
        "cluster", pictures / "images", "-o", tmp_path, "--size", 8, "--encoder", encoder, "--lander", lander, *OFF
    )
    assert small.exit_code == 0
    assert not (tmp_path / "report.html").exists()  # it showed the other clustering
    failed(run("cluster", pictures / "images", "-o", tmp_path, "--encoder", lander, *OFF), "encoder", "LANDER")


def test_results_are_replaced_as_a_whole_or_not_at_all(clustered, home, tmp_path):
    out = tmp_path / "out"
    assert clustered("mine.npz").exit_code == 0
    (out / "notes.txt").write_text("mine")
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    tables = {"labels", "clusters", "hierarchy", "summary"}
    assert set(before) == {*(f"{table}.parquet" for table in tables), "scores.json", "notes.txt", MADE}
    failed(clustered("mine.npz", "--tau", 2), "tau")
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert clustered("rows.npy", "--format", "csv").exit_code == 0
    assert set(os.listdir(out)) == {*(f"{table}.csv" for table in tables), "notes.txt", MADE}
    assert set(os.listdir(out)) - {"notes.txt", MADE} < set(RESULTS)


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
def test_a_full_disk_leaves_the_old_results(clustered, tmp_path):
    import resource

    assert clustered("mine.npz").exit_code == 0
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    try:
        result = clustered("mine.npz", "--tau", 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    failed(result, "a file may not grow as large there: no room for", tmp_path / "out", "what was there before is kept")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before


def test_official_weights_give_the_official_labels(golden, tmp_path):
    state = {key[3:]: torch.from_numpy(value) for key, value in golden("gcn").items() if key.startswith("sd.")}
    torch.save(state, tmp_path / "gcn.pth")
    np.save(tmp_path / "x.npy", golden("graph")["in_features"])
    settings = ("--official", tmp_path / "gcn.pth", "--preset", "faces", "--k", 9, "--tau", 0.5, "--format", "csv")
    result = run("cluster", tmp_path / "x.npy", "-o", tmp_path / "out", *settings, *OFF)
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv(tmp_path / "out/labels.csv")
    last = max(name for name in table if name.startswith("level_"))
    assert table[last].tolist() == golden("multilevel")["final_labels"].tolist()
    assert "official LANDER" in run("info", tmp_path / "gcn.pth").stdout
    wrong = run("cluster", tmp_path / "x.npy", "-o", tmp_path / "out", *settings, "--no-average", *OFF)
    failed(wrong, "average=False", "dimension 32")


def test_answers_of_a_person_reach_the_model(home, clustered, tmp_path):
    features = wb.data.load_features(home / "mine.npz").features
    model = wb.HiLander(home / "lander.safetensors", device="cpu").fit(features)
    a, b = 0, int(np.flatnonzero(model.labels_ != model.labels_[0])[0])
    (tmp_path / "said.csv").write_text(f"first,second,same\n{a},{b},1\n")
    assert clustered("mine.npz", "--constraints", tmp_path / "said.csv").exit_code == 0
    last = pd.read_parquet(tmp_path / "out/labels.parquet")[f"level_{len(model.cluster_layers_) - 1}"]
    assert last[a] == last[b]

    model.answer(a, b, same=True).name(int(model.labels_[a]), "mine").corrections_.save(tmp_path / "said.json")
    assert clustered("mine.npz", "--constraints", tmp_path / "said.json").exit_code == 0
    table = pd.read_parquet(tmp_path / "out/clusters.parquet").set_index("cluster")
    assert table["name"][table["name"] != ""].to_dict() == {int(model.labels_[a]): "mine"}
    for name, text in {"bad.csv": "a,b\n1,2\n", "said.txt": ""}.items():
        (tmp_path / name).write_text(text)
        failed(clustered("mine.npz", "--constraints", tmp_path / name), "constraints: expected")
