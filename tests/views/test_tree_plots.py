from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench import KnnGraph, views
from workbench.cluster.levels import Level
from workbench.cluster.predictors import oracle_predictor, similarity_predictor
from workbench.decode.decoding import Decoding
from workbench.decode.tree import decode_tree
from workbench.lander.model import Prediction
from workbench.views.figures.icicle import check_totals, collapse, folded, prune, tree_frame
from workbench.views.figures.parents import cluster_tree
from workbench.views.figures.tree_plots import strip_order

NASTY = "<img src=x onerror=alert(1)>"


def one_cluster():
    x = torch.nn.functional.normalize(torch.ones(6, 3) + 0.1 * torch.eye(6, 3), dim=1)
    return wb.build_hierarchy(x, oracle_predictor(torch.zeros(6, dtype=torch.long)), wb.InferenceConfig(k=3))


def no_links():
    return wb.build_hierarchy(torch.eye(4), similarity_predictor, wb.InferenceConfig())


@st.composite
def nested(draw):
    """Three nested labellings, finest first, and a truth."""
    n = draw(st.integers(1, 40))
    layers = [np.array(draw(st.lists(st.integers(0, 12), min_size=n, max_size=n)))]
    for _ in range(2):
        above = np.array(draw(st.lists(st.integers(0, 4), min_size=13, max_size=13)))
        layers.append(above[layers[-1]])
    layers = [np.unique(layer, return_inverse=True)[1] for layer in layers]
    return layers, np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))


@settings(max_examples=80)
@given(nested(), st.booleans())
def test_every_cluster_of_every_level_stands_together_in_the_strips(drawn, with_truth):
    layers, truth = drawn
    order = strip_order(layers, truth if with_truth else None)
    assert sorted(order) == list(range(len(truth)))
    for layer in layers:
        changes = (np.diff(layer[order]) != 0).sum()
        assert changes == len(np.unique(layer)) - 1


def test_strips_change_colour_exactly_where_a_cluster_ends(tree):
    hierarchy, _, labels = tree
    strip = views.plot_level_strip(hierarchy, labels).data[0]
    order = strip_order(hierarchy.layers, labels)
    assert list(strip.y)[-1] == "truth (15)"
    for colours, layer in zip(strip.z, hierarchy.layers, strict=False):
        assert np.array_equal(np.diff(colours.astype(int)) != 0, np.diff(layer[order]) != 0)
    said = strip.customdata[0]
    assert np.array_equal(said[:, 0], hierarchy.layers[0][order])
    assert np.array_equal(said[:, 1], np.bincount(hierarchy.layers[0])[hierarchy.layers[0][order]])


def test_the_truth_has_the_colours_of_a_perfect_last_level_and_shades_of_a_merged_one():
    x = torch.nn.functional.normalize(torch.eye(8) + 0.5, dim=1)
    found = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2])
    hierarchy = wb.build_hierarchy(x, oracle_predictor(found), wb.InferenceConfig(k=7))
    strip = views.plot_level_strip(hierarchy, found.numpy()).data[0]
    assert np.array_equal(strip.z[-1], strip.z[-2])
    split = np.array([0, 0, 9, 1, 1, 1, 2, 2])
    strip = views.plot_level_strip(hierarchy, split).data[0]
    order = strip_order(hierarchy.layers, split)
    last, truth = (dict(zip(order, row, strict=True)) for row in strip.z[-2:])
    assert last[0] == last[1] == last[2]
    assert truth[0] == truth[1] != truth[2]  # two shades
    assert len({truth[i] // 3 for i in (0, 1, 2)}) == 1  # of one colour
    joined = views.plot_level_strip(hierarchy, np.minimum(found.numpy(), 1)).data[0]
    assert len(np.unique(joined.z[-2])) == 3  # a class in two pieces: one colour below two blocks
    assert len(np.unique(joined.z[-1])) == 2


def test_many_images_are_drawn_evenly_and_the_strip_says_so(tree):
    hierarchy, _, labels = tree
    figure = views.plot_level_strip(hierarchy, labels, max_columns=50, title=NASTY)
    assert figure.data[0].z.shape[1] == 50
    assert "50 of 360 images" in figure.layout.title.text
    assert NASTY not in figure.layout.title.text
    assert figure.layout.xaxis.range == (0, 360)


@settings(max_examples=40)
@given(st.integers(2, 30), st.integers(0, 5), st.floats(0.2, 0.9))
def test_a_collapsed_tree_splits_at_every_box_and_keeps_all_leaves(n, seed, tau):
    x = torch.nn.functional.normalize(torch.rand(n, 3, generator=torch.Generator().manual_seed(seed)), dim=1)
    hierarchy = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=2, tau=tau))
    whole = tree_frame(hierarchy)
    boxes = collapse(whole)
    children = boxes["parent_key"].value_counts()
    assert (children.drop("all") > 1).all()
    assert (boxes["level"] - boxes["finest"] + 1).sum() == len(whole)
    assert boxes.loc[~boxes["key"].isin(boxes["parent_key"]), "size"].sum() == n
    check_totals(prune(boxes, len(boxes)))
    check_totals(prune(boxes, len(boxes), 0.2))


def test_small_boxes_are_put_into_the_rest(tree):
    hierarchy, _, labels = tree
    boxes = prune(tree_frame(hierarchy, labels), 1000, 0.06)
    assert boxes.loc[boxes["kind"] == "cluster", "size"].min() >= 0.06 * 360
    check_totals(boxes)


def test_the_treemap_has_the_boxes_of_the_tree_and_escapes_names(tree):
    hierarchy, _, labels = tree
    figure = views.plot_treemap(hierarchy, labels, class_names=[NASTY] * 15, title=NASTY)
    trace = figure.data[0]
    assert trace.type == "treemap"
    assert len(trace.ids) == len(folded(collapse(tree_frame(hierarchy, labels)))) + 1
    assert len(views.plot_treemap(hierarchy).data[0].ids) == len(collapse(tree_frame(hierarchy))) + 1
    assert trace.values[0] == 360
    assert NASTY not in str(figure)
    assert views.plot_treemap(hierarchy).data[0].marker.colorbar.title.text == "images"


@pytest.mark.parametrize("max_nodes", [1, 10, 60, 10_000])
def test_what_flows_into_a_bar_is_its_size(tree, max_nodes):
    hierarchy, _, labels = tree
    figure = views.plot_sankey(hierarchy, labels, max_nodes=max_nodes)
    link = figure.data[0].link
    inflow = np.bincount(link.target, weights=link.value)
    outflow = dict(zip(link.source, link.value, strict=True))
    assert len(outflow) == len(link.source)  # a cluster flows into one alone
    middle = [node for node in outflow if node < len(inflow) and inflow[node]]
    assert all(inflow[node] == outflow[node] for node in middle)
    drawn = np.bincount(hierarchy.layers[-1])
    shown = np.sort(drawn)[::-1][: max(1, max_nodes // 5)].sum()
    assert f"{shown:,} of 360 images" in figure.layout.title.text
    assert sum(label != "" for label in figure.data[0].node.label) == min(len(drawn), max(1, max_nodes // 5))


def test_a_flow_escapes_names_and_marks_levels(tree):
    hierarchy, _, labels = tree
    figure = views.plot_sankey(hierarchy, labels, class_names=[NASTY] * 15)
    assert NASTY not in str(figure)
    assert [note.text for note in figure.layout.annotations] == [f"level {i}" for i in range(len(hierarchy.layers))]
    assert views.plot_sankey(hierarchy).data[1].marker.colorbar.title.text == "images"


def lines_of(figure):
    """Every drawn link as (trace name, x of start, x of end)."""
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    return [(t.name, *xy) for t in lines for xy in np.array(t.x).reshape(-1, 3)[:, :2]]


def test_links_of_the_dendrogram_run_to_denser_nodes_and_end_at_the_peak(tree):
    hierarchy, _, labels = tree
    level = hierarchy.levels[0]
    cluster = int(np.bincount(level.decoding.clusters).argmax())
    table = cluster_tree(level, cluster, labels)
    peak = int(level.decoding.representative[cluster])
    assert table.loc[peak, ["parent", "depth", "branch"]].tolist() == [peak, 0, len(table)]
    assert np.isnan(table.loc[peak, "linkage"])
    assert (table.drop(peak)["linkage"] > 0.6).all()
    for node, row in table.iterrows():  # slowly: follow the parents of every node
        path = [node]
        while table.at[path[-1], "parent"] != path[-1]:
            path.append(table.at[path[-1], "parent"])
        assert len(path) - 1 == row["depth"]
    branch = {node: sum(node in follow(table, other) for other in table.index) for node in table.index}
    assert table["branch"].to_dict() == branch
    figure = views.plot_parents(hierarchy, cluster, labels=labels)
    links = lines_of(figure)
    assert len(links) == len(table) - 1
    assert all(start <= end for _, start, end in links)
    assert sum(name.startswith("two classes") for name, *_ in links) == table["wrong"].sum()


def follow(table, node):
    path = [node]
    while table.at[path[-1], "parent"] != path[-1]:
        path.append(table.at[path[-1], "parent"])
    return path


def test_a_large_cluster_shows_its_largest_branches_as_a_tree(tree):
    hierarchy, _, _ = tree
    cluster = int(np.bincount(hierarchy.levels[0].decoding.clusters).argmax())
    size = int(np.bincount(hierarchy.levels[0].decoding.clusters).max())
    figure = views.plot_parents(hierarchy, cluster, max_nodes=4)
    assert f"4 of {size} nodes" in figure.layout.title.text
    assert len(lines_of(figure)) == 3
    assert len(figure.data[-1].x) == 4


def test_above_level_0_the_nodes_are_clusters(tree):
    hierarchy, _, labels = tree
    level = hierarchy.levels[1]
    cluster = int(np.bincount(level.decoding.clusters).argmax())
    figure = views.plot_parents(hierarchy, cluster, 1, labels=labels, title=NASTY)
    assert NASTY not in str(figure)
    assert "images" in figure.data[-1].hovertext[0]
    assert cluster_tree(level, cluster)["size"].sum() == len(level.members(cluster))


def test_a_wrong_link_is_dashed_and_counted():
    x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2]]), dim=1)
    hierarchy = wb.build_hierarchy(x, similarity_predictor, wb.InferenceConfig(k=2, tau=0.5))
    figure = views.plot_parents(hierarchy, 0, labels=[0, 0, 1])
    wrong = [trace for trace in figure.data if trace.name and trace.name.startswith("two classes")]
    assert len(wrong) == 1
    assert wrong[0].line.dash != "solid"
    assert "1 of 2 links join two classes" in figure.layout.title.text


def test_duplicates_that_do_not_list_each_other_are_linked_without_a_linkage():
    chain = KnnGraph.from_arrays([[1], [2], [3], [2]], [[1.0]] * 4)
    prediction = Prediction.of(chain, chain.similarity)
    decoding = decode_tree(chain, prediction, 0.5)
    plain = wb.build_hierarchy(torch.eye(4), similarity_predictor, wb.InferenceConfig(k=1))
    level = replace(plain.levels[0], graph=chain, prediction=prediction, decoding=decoding, labels=decoding.clusters)
    hierarchy = replace(plain, levels=(level,))
    table = cluster_tree(hierarchy.levels[0], 0)
    assert table["parent"].tolist() == [0] * 4
    assert table["linkage"].isna().all()
    assert any("duplicate" in text for text in views.plot_parents(hierarchy, 0).data[-1].hovertext)


def test_a_decoder_without_parents_is_refused_and_pointed_to_the_tree_decode():
    def lump(graph, prediction, tau):
        return Decoding(torch.zeros(graph.n, dtype=torch.long), torch.tensor([0]), None)

    hierarchy = wb.build_hierarchy(torch.eye(3), similarity_predictor, wb.InferenceConfig(decoder=lump))
    with pytest.raises(ValueError, match="decoder='tree'"):
        views.plot_parents(hierarchy, 0)
    assert len(views.plot_level_strip(hierarchy).data[0].y) == len(hierarchy.layers)


@pytest.mark.parametrize("make", [one_cluster, no_links])
def test_one_cluster_and_no_links_are_drawn(make):
    hierarchy = make()
    n = len(hierarchy.layers[0])
    truth = np.arange(n) % 2
    for labels in (None, truth):
        for draw in (views.plot_level_strip, views.plot_icicle, views.plot_treemap, views.plot_sankey):
            assert draw(hierarchy, labels).layout.title.text
        figure = views.plot_parents(hierarchy, 0, labels=labels)
        assert len(lines_of(figure)) == (hierarchy.levels[0].decoding.clusters == 0).sum() - 1


def test_a_hundred_thousand_images_make_small_figures(tree):
    hierarchy, _, labels = tree
    times = 300

    def copies(values, step):  # numbers that count up from copy to copy
        return torch.cat([values + step * i for i in range(times)])

    def enlarged(level):
        n, c, decoding = level.n_nodes, level.n_clusters, level.decoding
        clusters, peaks = copies(decoding.clusters, c), copies(decoding.representative, n)
        graph = KnnGraph(copies(level.graph.neighbors, n), copies(level.graph.similarity, 0))
        prediction = Prediction(copies(level.prediction.linkage, 0), copies(level.prediction.density, 0))
        decoding = Decoding(clusters, peaks, copies(decoding.parent, n))
        return Level(
            copies(level.image, 360), copies(level.size, 0), graph, prediction, decoding, copies(level.labels, c)
        )

    large = replace(hierarchy, levels=tuple(map(enlarged, hierarchy.levels)))
    truth = np.tile(labels, times)
    assert len(large.labels) == 108_000
    for draw in (views.plot_level_strip, views.plot_icicle, views.plot_treemap, views.plot_sankey):
        assert len(draw(large, truth).to_json()) < 250_000


def test_bad_input_is_named(tree):
    hierarchy, _, labels = tree
    with pytest.raises(ValueError, match="labels: expected 360"):
        views.plot_level_strip(hierarchy, labels[:3])
    with pytest.raises(ValueError, match="level"):
        views.plot_parents(hierarchy, 0, 99)
    with pytest.raises(ValueError, match="cluster"):
        views.plot_parents(hierarchy, 9999)
    for draw in (views.plot_treemap, views.plot_sankey):
        with pytest.raises(ValueError, match="max_nodes"):
            draw(hierarchy, max_nodes=0)


def test_one_level_has_no_flow_and_says_so():
    figure = views.plot_sankey(no_links())
    assert [trace.type for trace in figure.data] == ["scatter"]
    assert figure.layout.annotations[0].text == "one level: nothing flows together"
