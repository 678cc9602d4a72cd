import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.decode.aggregate import aggregate, majority
from workbench.graph.nodes import Nodes


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 6))
def test_equals_means_cluster_by_cluster(seed, n_clusters):
    random = torch.Generator().manual_seed(seed)
    labels = torch.cat([torch.arange(n_clusters), torch.randint(n_clusters, (20,), generator=random)])
    x = torch.randn(len(labels), 3, generator=random)
    image = torch.stack([(labels == c).nonzero()[-1, 0] for c in range(n_clusters)])
    nodes = aggregate(x, labels, image)
    for c in range(n_clusters):
        torch.testing.assert_close(nodes.average[c], x[labels == c].mean(dim=0))
        assert torch.equal(nodes.identity[c], x[image[c]])
    assert nodes.size.sum() == len(x)


def test_the_center_of_a_node_is_its_average_at_length_1():
    x = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]]), dim=1)
    images = Nodes.of_images(x)
    assert images.center is images.identity  # as they are: rounding would tell equal rows apart
    nodes = Nodes(torch.tensor([0]), x[:1], torch.tensor([[0.3, 0.4]]), torch.tensor([2]), torch.tensor([0, 0]))
    torch.testing.assert_close(nodes.center, torch.tensor([[0.6, 0.8]]))


def test_images_are_their_own_averages():
    nodes = Nodes.of_images(torch.eye(3))
    assert torch.equal(nodes.identity, nodes.average)
    assert nodes.image.tolist() == [0, 1, 2]


def test_majority_is_the_commonest_label():
    clusters, labels = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([4, 4, 1, 3, 2, 0])
    assert majority(clusters, labels).tolist() == [4, 2, 0]
    assert majority(clusters, labels - 9).tolist() == [-5, -7, -9]
