"""Each of the features by its name, from its definition, image by image."""

import numpy as np
import pytest
import torch

from workbench.decode.cut_criteria import excess_of_mass, map_equation
from workbench.decode.dendrogram import build_dendrogram
from workbench.decode.edges import Edges
from workbench.decode.quality_features import (
    COLUMN,
    CRITERIA,
    LANDMARK_INPUTS,
    LOWEST,
    MERGE_INPUTS,
    OWN_INPUTS,
    PLACE_INPUTS,
    QUALITY_FEATURES,
    quality_features,
)
from workbench.graph.knn import knn
from workbench.graph.similarity_stats import Background


class Case:
    """A small dendrogram with its features, and the same numbers computed the slow way."""

    def __init__(self, seed):
        random = np.random.default_rng(seed)
        x = np.eye(4)[random.integers(4, size=20)] + 0.5 * random.random((20, 4))
        self.x = torch.nn.functional.normalize(torch.from_numpy(x).float(), dim=1)
        self.graph = knn(self.x, 4)
        self.linkage = torch.from_numpy(random.uniform(0.05, 1, (20, 4)).astype(np.float32)) * self.graph.mask
        edges = Edges.of(self.graph, self.linkage)
        self.tree = build_dendrogram(edges, self.x)
        self.table = quality_features(self.tree, edges, self.graph, self.linkage, self.x).table.numpy()
        self.background = Background.of(self.x)
        self.images = [[i] for i in range(20)]
        for a, b in zip(self.tree.larger, self.tree.smaller, strict=True):
            self.images.append(self.images[a] + self.images[b])

    def links(self, one, other):
        """(linkage, similarity) of every link from an image of `one` to an image of `other`."""
        for i in one:
            for slot, j in enumerate(self.graph.neighbors[i].tolist()):
                if j in other:
                    yield float(self.linkage[i, slot]), float(self.graph.similarity[i, slot])

    def at(self, node):
        """Links, linkage, of both directions, at the images of a node; and those inside it."""
        own = self.images[node]
        every = range(20)
        touching = [r for r, _ in self.links(own, every)] + [r for r, _ in self.links(every, own)]
        inside = [r for r, _ in self.links(own, own)]
        return len(touching), sum(touching), len(inside), sum(inside)

    def closeness(self, node):
        """Similarity of the links, of both directions, at the images of a node; and of those inside it."""
        own, every = self.images[node], range(20)
        touching = [s for _, s in self.links(own, every)] + [s for _, s in self.links(every, own)]
        return sum(touching), sum(s for _, s in self.links(own, own))

    def above(self, cosine):
        return (cosine - self.background.mean) / (1 - self.background.mean)

    def pairs(self, node):
        own = self.images[node]
        cosines = [float(self.x[i] @ self.x[j]) for i in own for j in own if i != j]
        return self.above(np.mean(cosines) if cosines else 1.0)

    def own(self, node):
        degree, volume, inner, inner_volume = self.at(node)
        own = self.images[node]
        leaving = degree - 2 * inner
        return {
            "links inside": 2 * inner / degree,
            "linkage inside": 2 * inner_volume / volume,
            "mean linkage inside": inner_volume / inner if inner else 0,
            "mean linkage leaving": (volume - 2 * inner_volume) / leaving if leaving else 0,
            "similarity of its pairs": self.pairs(node),
            "mean best linkage": np.mean([float(self.linkage[i].max()) for i in own]),
            "mean linkage of its links": np.mean(
                [float(self.linkage[i].sum() / self.graph.mask[i].sum()) for i in own]
            ),
            "mean best similarity": np.mean([self.above(float(self.graph.similarity[i, 0])) for i in own]),
        }

    def height(self, node):
        if node < 20:
            return np.log(2 * float(self.linkage[node].max()) + LOWEST)
        return np.log(self.tree.height[node - 20] + LOWEST)

    def merge(self, t):
        node, a, b = 20 + t, int(self.tree.larger[t]), int(self.tree.smaller[t])
        one, other = self.images[a], self.images[b]
        across = [r for r, _ in self.links(one, other)] + [r for r, _ in self.links(other, one)]
        n, total = len(across), sum(across)
        cosine = self.above(np.mean([float(self.x[i] @ self.x[j]) for i in one for j in other]))
        parent = int(self.tree.parent[node])
        height = np.log(total / (len(one) * len(other)) + LOWEST)
        found = {
            "mean linkage across": total / n,
            "linkage across per image of the smaller": total / min(len(one), len(other)),
            "similarity across": cosine,
            "height": height,
            "height less the larger's": height - self.height(a),
            "height less the smaller's": height - self.height(b),
            "height less the parent's": height - (self.height(parent) if parent >= 0 else np.log(2 * LOWEST)),
            "height times size": np.log(np.exp(height) * len(one + other)),
            "size of the smaller over the larger": np.log(len(other) / len(one)),
        }
        for side, who in ((a, "larger"), (b, "smaller")):
            degree, volume, inner, inner_volume = self.at(side)
            found |= {
                f"links across, of the {who}'s": n / degree,
                f"linkage across, of the {who}'s": total / volume,
                f"links across, of those that leave the {who}": n / (degree - 2 * inner),
                f"linkage across, of that leaving the {who}": total / (volume - 2 * inner_volume),
                f"similarity across over within the {who}": cosine / (abs(self.pairs(side)) + 0.05),
            }
        return found

    def place(self, node):
        parent = int(self.tree.parent[node])
        found = {"has a parent": float(parent >= 0), "is an image": float(node < 20)}
        if parent < 0:
            return found | dict.fromkeys(set(PLACE_INPUTS) - set(found), 0.0)
        a, b = int(self.tree.larger[parent - 20]), int(self.tree.smaller[parent - 20])
        sibling = self.images[b if node == a else a]
        own = self.images[node]
        across = [r for r, _ in self.links(own, sibling)] + [r for r, _ in self.links(sibling, own)]
        return found | {
            "size of the sibling over its own": np.log(len(sibling) / len(own)),
            "linkage to the sibling": sum(across) / self.at(node)[1],
            "similarity to the sibling": self.above(
                np.mean([float(self.x[i] @ self.x[j]) for i in own for j in sibling])
            ),
        }


@pytest.fixture(scope="module", params=[0, 1, 2])
def case(request):
    return Case(request.param)


def test_every_name_has_one_column():
    assert len(set(QUALITY_FEATURES)) == len(QUALITY_FEATURES) == 62
    assert len(LANDMARK_INPUTS) == 4 * len(CRITERIA)


def test_what_a_node_is_by_itself(case):
    for node in range(case.tree.n_nodes):
        for name, value in case.own(node).items():
            assert case.table[node, COLUMN[f"own: {name}"]] == pytest.approx(value, abs=1e-3), name
    assert {f"own: {name}" for name in case.own(0)} == {f"own: {name}" for name in OWN_INPUTS}


def test_both_sides_of_a_merge_are_read_as_they_are(case):
    for side, nodes in (("larger", case.tree.larger), ("smaller", case.tree.smaller)):
        for name in OWN_INPUTS:
            column = case.table[:, COLUMN[f"{side}: {name}"]]
            assert (column[20:] == case.table[nodes, COLUMN[f"own: {name}"]]).all()
            assert (column[:20] == 0).all()


def test_what_is_read_of_a_merge(case):
    for t in range(case.tree.n_merges):
        for name, value in case.merge(t).items():
            assert case.table[20 + t, COLUMN[name]] == pytest.approx(value, abs=2e-3, rel=1e-3), name
    compared = set(case.merge(0)) | {"height less the larger's runner-up", "height less the smaller's runner-up"}
    assert compared == set(MERGE_INPUTS)
    assert (case.table[:20, [COLUMN[name] for name in MERGE_INPUTS]] == 0).all()


def test_where_a_node_stands(case):
    for node in range(case.tree.n_nodes):
        for name, value in case.place(node).items():
            assert case.table[node, COLUMN[name]] == pytest.approx(value, abs=1e-3), name
    assert set(case.place(0)) == set(PLACE_INPUTS)


def test_two_images_alone_have_no_runner_up():
    x = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    graph = knn(x, 1)
    linkage = torch.tensor([[0.5], [0.25]])
    edges = Edges.of(graph, linkage)
    table = quality_features(build_dendrogram(edges, x), edges, graph, linkage, x).table
    for side in ("larger", "smaller"):
        found = float(table[2, COLUMN[f"height less the {side}'s runner-up"]])
        assert found == pytest.approx(np.log(0.75) - np.log(LOWEST), rel=1e-5)
    assert table[:2, COLUMN["own: mean linkage of its links"]].tolist() == pytest.approx([0.5, 0.25])


def test_what_the_criteria_say(case):
    tree, images = case.tree, case.images
    at = np.array([case.at(node) for node in range(tree.n_nodes)])
    volume, inner = torch.from_numpy(at[:, 1]), torch.from_numpy(at[:, 3])
    close, inside = torch.tensor([case.closeness(node) for node in range(tree.n_nodes)], dtype=torch.float64).T
    every = map_equation(tree, volume, inner), map_equation(tree, close, inside), excess_of_mass(tree)
    for criterion, found in zip(CRITERIA, every, strict=True):
        score, cut, value = (one.numpy() for one in found)
        size = [np.log(len(images[node])) for node in cut]
        for node in range(tree.n_nodes):
            sons = () if node < 20 else (tree.larger[node - 20], tree.smaller[node - 20])
            below, own, n = sum(value[son] for son in sons), np.mean([size[i] for i in images[node]]), len(images[node])
            expected = {
                f"size over that of the clusters by {criterion}": np.log(n) - own,
                f"size of the clusters by {criterion} here over anywhere": own - np.mean(size),
                f"{criterion}: gain as one cluster": (score[node] - below) / n,
                f"{criterion}: best below": below / n,
            }
            for name, there in expected.items():
                assert case.table[node, COLUMN[name]] == pytest.approx(there, abs=1e-4), name
    whole, part = (map_equation(tree, volume * scale, inner * scale)[0] for scale in (1.0, 1e-4))
    torch.testing.assert_close(part, whole)  # shares count alone
