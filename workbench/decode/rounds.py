"""Average linkage in rounds, on a GPU: all pairs of clusters that are each other's best merge at once.

Average linkage is reducible: a merge makes no cluster nearer to a third one than its nearer part was. So pairs that are
each other's best may merge in any order, and all together. What a merge records of its sides' second best neighbours
does depend on the order: here both are as they were before the round.

Source: Murtagh & Contreras, "Algorithms for hierarchical clustering: an overview", 2012 (reducibility); Sumengen et
al., "Scaling hierarchical agglomerative clustering to billion-sized datasets", 2021 (rounds).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._core.chunks import chunks

EXACT = 2**28  # linkages are multiples of 1 / 2**28, so that their sums, up to 2**25, do not depend on the order
FEWEST = 256  # merges of a round: below, and below one in 1,024 edges, one after another is faster
ROWS = 2**18  # merges whose rows are multiplied at once


def pairs(
    neighbors: Int[Tensor, "n k"], linkage: Float[Tensor, "n k"], similarity: Float[Tensor, "n k"]
) -> tuple[Int[Tensor, " e"], Float[Tensor, "e 3"]]:
    """The edges of a k-NN graph as tensors: the pairs (low n + high, rising) that any link ties, and for each of them
    summed linkage, number of links, summed similarity.

    Example:
        >>> pair, sums = pairs(torch.tensor([[1], [0]]), torch.tensor([[0.25], [0.5]]), torch.tensor([[0.5], [0.5]]))
        >>> pair.tolist(), sums.tolist()
        ([1], [[0.75, 2.0, 1.0]])
    """
    n = len(neighbors)
    node, slot = (neighbors >= 0).nonzero(as_tuple=True)
    other = neighbors[node, slot]
    one = torch.ones_like(other)
    values = torch.stack([linkage[node, slot], one, similarity[node, slot]], dim=1).double()  # (links, 3)
    pair, sums = _added(_pair(node, other, n), (values * EXACT).ceil() / EXACT)
    tied = ~(sums[:, 0] <= 0)  # what is no number stays, to be refused
    return pair[tied], sums[tied]


class Rounds:
    """Average linkage in rounds: `run` merges as long as that is fast; then what is left is to be merged one by one.

    Attributes, as far as it has come:
        pair, sums: pairs of clusters that links tie, as `pairs` gives them; a cluster goes by one of its images.
        total: rows summed over every cluster.
        size, volume, node: images of every cluster, linkage at them, and its node in the dendrogram.
        merges: columns `COLUMNS` of a dendrogram, a block per round.
    """

    def __init__(self, pair: Int[Tensor, " e"], sums: Float[Tensor, "e 3"], total: Float[Tensor, "n d"]) -> None:
        self.n = len(total)
        self.pair = pair
        self.sums = sums
        self.total = total.clone()
        self.size = torch.ones(self.n, dtype=torch.float64, device=pair.device)
        self.volume = torch.zeros_like(self.size)
        for end in (pair // self.n, pair % self.n):
            self.volume.index_add_(0, end, sums[:, 0])
        self.node = torch.arange(self.n, device=pair.device)
        self.merges: list[tuple[Tensor, ...]] = []
        self.count = 0

    def run(self, fewest: int = FEWEST) -> None:
        """Rounds until one would merge fewer than `fewest` pairs or one in 1,024."""
        while len(self.pair):
            low = self.pair // self.n
            high = self.pair % self.n
            height = self.sums[:, 0] / (self.size[low] * self.size[high])
            best, second = self._best(low, high, height)
            chosen = ((best[low] == self.pair) & (best[high] == self.pair)).nonzero()[:, 0]
            if len(chosen) < max(fewest, len(self.pair) >> 10):
                return
            self._merge(low, high, height, second, chosen)

    def _best(self, low: Tensor, high: Tensor, height: Tensor) -> tuple[Tensor, Tensor]:
        """Of every cluster the pair of highest mean linkage (the first of equals) and the runner-up's mean linkage."""
        ends = (low, high)
        top = height.new_zeros(self.n)
        for end in ends:
            top.scatter_reduce_(0, end, height, "amax")

        none = self.n * self.n
        best = torch.full_like(self.node, none)
        for end in ends:
            best.scatter_reduce_(0, end, torch.where(height == top[end], self.pair, none), "amin")

        second = torch.zeros_like(top)
        for end in ends:
            second.scatter_reduce_(0, end, torch.where(best[end] == self.pair, 0.0, height), "amax")
        return best, second

    def _merge(self, low: Tensor, high: Tensor, height: Tensor, second: Tensor, chosen: Tensor) -> None:
        """Merge the chosen pairs, which have no cluster in common."""
        a = low[chosen]
        b = high[chosen]
        equal = self.size[b] == self.size[a]
        swap = torch.where(equal, self.volume[b] > self.volume[a], self.size[b] > self.size[a])
        larger = torch.where(swap, b, a)
        smaller = torch.where(swap, a, b)

        product = torch.cat([self._joined(larger[part], smaller[part]) for part in chunks(len(chosen), ROWS)])
        sides = (self.node[larger], self.node[smaller])
        seconds = (second[larger], second[smaller])
        self.merges.append((*sides, height[chosen], *self.sums[chosen].T, product, *seconds))
        self.size[larger] += self.size[smaller]
        self.volume[larger] += self.volume[smaller]
        self.node[larger] = self.n + self.count + torch.arange(len(chosen), device=a.device)
        self.count += len(chosen)

        into = torch.arange(self.n, device=a.device)
        into[smaller] = larger
        low = into[low]
        high = into[high]
        apart = low != high
        self.pair, self.sums = _added(_pair(low[apart], high[apart], self.n), self.sums[apart])

    def _joined(self, larger: Tensor, smaller: Tensor) -> Tensor:
        """Add the rows of the smaller clusters to the larger's; the products of both before."""
        rows = self.total[larger]  # (b, d)
        added = self.total[smaller]
        self.total[larger] = rows + added
        return (rows * added).sum(dim=1).double()


def _pair(one: Tensor, other: Tensor, n: int) -> Tensor:
    return torch.minimum(one, other) * n + torch.maximum(one, other)


def _added(pair: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """The distinct pairs, rising, and the sums of their values."""
    pair, order = pair.sort()
    pair, place = torch.unique_consecutive(pair, return_inverse=True)
    return pair, values.new_zeros(len(pair), values.shape[1]).index_add_(0, place, values[order])
