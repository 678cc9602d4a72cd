"""Hi-LANDER on a Dask cluster: graph, linkages and dendrogram of large levels are its workers' work, all else ours.

The level loop stays the one loop: `DaskBackend.knn` stands in for `knn`, `DaskBackend.predict` for `Lander.predict`,
`DaskBackend.dendrogram` for `build_dendrogram`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from distributed import Client, default_client, get_worker, worker_client
from jaxtyping import Float
from torch import Tensor

from ...decode.blocks import dendrogram_in_blocks
from ...decode.dendrogram import Dendrogram, build_dendrogram
from ...decode.edges import Edges
from ...graph.knn import APPROXIMATE_FROM, KnnGraph, knn
from ...graph.nodes import Nodes
from ...lander.model import Lander, Prediction
from .knn import LEAST, Sizes, approximate_lists, exact_lists, near_blocks
from .pool import ClusterError, WorkerPool
from .tasks import has_cuda, linked, linked_by_lists, packed, packed_lists

SIZES = Sizes()
CONNECT = 10.0  # seconds to wait for a scheduler


class DaskBackend:
    """A cluster that builds graphs and applies one LANDER.

    Args:
        client: of the cluster.
        lander: the model, sent to every worker once.
        device: of the workers: "auto" = each its own GPU where it has one, "cpu", "cuda".
        seed: of the approximate k-NN search.
        sizes: how work is cut.

    Example:
        >>> from distributed import Client, LocalCluster
        >>> from workbench.lander import LanderConfig
        >>> here = LocalCluster(n_workers=1, processes=False, dashboard_address=None)
        >>> with here, Client(here) as client:
        ...     backend = DaskBackend(client, Lander(LanderConfig()), sizes=Sizes(alone=2, queries=2, base=2))
        ...     backend.knn(torch.eye(3) * 0.6 + 0.3, 2).neighbors.tolist()
        [[1, 2], [0, 2], [0, 1]]
    """

    def __init__(
        self, client: Client, lander: Lander, *, device: str = "auto", seed: int = 0, sizes: Sizes | None = None
    ) -> None:
        self._pool = WorkerPool(client)
        self._lander = lander
        self._device = device
        self._seed = seed
        self._sizes = sizes or SIZES
        self._weights = self._pool.share(lambda: copy.deepcopy(lander).cpu().eval())

    def close(self) -> None:
        """Free what workers hold of ours; the client stays open."""
        self._pool.close()

    def knn(self, features: Float[Tensor, "n d"], k: int) -> KnnGraph:
        """`graph.knn`: exact up to 30,000 rows, or where every worker has a GPU; else approximate.

        Raises:
            ClusterError: the cluster fails.
        """
        n = len(features)
        if n < self._sizes.alone or n <= k:
            return knn(features, k, seed=self._seed)
        features = features.detach().float()
        if n < APPROXIMATE_FROM or self._gpus():
            return exact_lists(self._pool, features, k, self._sizes, self._device)
        return approximate_lists(self._pool, features, k, self._sizes, self._seed)

    def dendrogram(self, edges: Edges, features: Float[Tensor, "n d"]) -> Dendrogram:
        """`build_dendrogram`; of many images, by blocks of near ones that depend on the rows alone.

        Raises:
            ClusterError: the cluster fails.
        """
        if edges.n <= self._sizes.merged or edges.low.is_cuda:
            return build_dendrogram(edges, features)
        blocks = near_blocks(features, self._sizes.merged, self._seed)
        return dendrogram_in_blocks(
            edges,
            features,
            blocks,
            lambda work, parts: self._pool.run([self._pool.task(work, part) for part in parts], "dendrogram"),
        )

    def _gpus(self) -> bool:
        """Whether every worker that is there now has a GPU to use."""
        answers = [] if self._device == "cpu" else self._pool.everywhere(has_cuda)
        return bool(answers) and all(answers)

    def predict(self, nodes: Nodes, graph: KnnGraph) -> Prediction:
        """`Lander.predict`: every block of nodes with as much around it as the model can see.

        Raises:
            ClusterError: the cluster fails.
        """
        if graph.n < self._sizes.alone or graph.k == 0:
            return self._lander.predict(nodes, graph)
        hops = self._lander.config.layers + 1
        most = self._pool.fair(graph.n, LEAST, self._sizes.nodes)
        blocks = [block.to(graph.neighbors.device) for block in near_blocks(nodes.center, most, self._seed)]
        linkage = torch.empty_like(graph.similarity)

        work: Callable[..., Any]
        pack: Callable[[Tensor], tuple[Any, ...]]
        if context := self._lander.context(nodes, graph):  # then lists are all that the inputs follow from
            work, pack = linked_by_lists, partial(packed_lists, graph, context, hops=hops)
        else:
            inputs = self._lander.inputs(nodes, graph)
            work, pack = linked, lambda block: packed(inputs.k_hop_subgraph(block, hops))

        jobs = [self._pool.task(work, partial(pack, block), self._weights, self._device) for block in blocks]
        for which, found in self._pool.run(jobs, "links"):
            linkage[blocks[which]] = torch.from_numpy(found).to(linkage.device)
        return Prediction.of(graph, linkage)


@contextmanager
def resolve_client(client: Any) -> Iterator[Client]:
    """The client given, or with True the active one: in a task of a cluster that cluster's, else the last one made.

    Raises:
        TypeError: neither a client nor True.
        ValueError: no client is active, or it is asynchronous.

    Example:
        >>> with resolve_client(7):
        ...     pass
        Traceback (most recent call last):
        TypeError: client: expected a distributed.Client, True (the active one) or None, got 7
    """
    if client is not True and not isinstance(client, Client):
        raise TypeError(f"client: expected a distributed.Client, True (the active one) or None, got {client!r}")
    if client is True and _in_a_task():
        with worker_client() as ours:  # gives this task's thread back meanwhile
            yield ours
        return
    if client is True:
        try:
            client = default_client()
        except ValueError as error:
            raise ValueError(
                "client: expected an active Dask client, found none; make one (distributed.Client(address)) before "
                "fit, or set client=None to run on this machine"
            ) from error
    if client.asynchronous:
        raise ValueError("client: expected a client that waits, got an asynchronous one; use Client(address)")
    yield client


def _in_a_task() -> bool:
    try:
        get_worker()
    except ValueError:
        return False
    return True


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of the scheduler at an address like "tcp://host:8786", closed at the end.

    Raises:
        ClusterError: nobody answers there.
    """
    if not re.search(r"://|:\d+$", address):  # of anything else Dask makes threads that outlive the error
        raise ClusterError(f"scheduler: expected an address like tcp://host:8786, got {address!r}")
    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"scheduler: no Dask scheduler answers at {address} ({error})") from error
    with client:
        yield client
