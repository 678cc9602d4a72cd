"""Graph convolutions: how a node gathers from its neighbours. Three kinds behind one signature.

Each gathers from source nodes to target nodes, as a PyG `MessagePassing` does: `conv((x, x_target), edge_index, edges)`
with x [n, in], x_target [b, in], edge_index [2, E] (source, target) and edges [E, e]. Column 0 of edges is the
similarity, except for relative inputs, which `LanderConfig` therefore refuses to combine with `MeanConv`. PyG itself is
not imported: that takes longer than to cluster 1,000 rows.

`MeanConv` and `GatedConv` also run over neighbour lists [b, k] without edges (`over_lists`), which is several times
faster; tests hold both ways equal, gradients included. Every kind takes `edge_dim` and `heads`, whether it uses them or
not, so that `CONVS` can build any of them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .._core.chunks import cache_chunks
from .._core.progress import progress_bar

Pair = tuple[Tensor, Tensor]


def summed(messages: Float[Tensor, "edges ..."], target: Int[Tensor, " edges"], n: int) -> Float[Tensor, "n ..."]:
    """Sum of the messages to each of n targets.

    If all lists have the same length and edges run node by node, as in a `KnnGraph` without gaps, the messages are the
    lists [b, k, ...]: then a sum over k replaces the scatter and is several times faster.

    Example:
        >>> summed(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 1, 1]), 2).tolist()
        [1.0, 6.0]
    """
    if n and len(target) and len(target) % n == 0:
        lists = target.view(n, -1)
        if (lists == torch.arange(n, device=target.device)[:, None]).all():
            return torch.sum(messages.unflatten(0, tuple(lists.shape)), dim=1)  # (n, ...)
    return messages.new_zeros(n, *messages.shape[1:]).scatter_add(0, _like(target, messages), messages)


def softmax(score: Float[Tensor, "edges h"], target: Int[Tensor, " edges"], n: int) -> Float[Tensor, "edges h"]:
    """Softmax over the edges to each of n targets.

    Example:
        >>> softmax(torch.zeros(3, 1), torch.tensor([0, 1, 1]), 2).flatten().tolist()
        [1.0, 0.5, 0.5]
    """
    top = score.new_zeros(n, score.shape[1])
    top = top.scatter_reduce(0, _like(target, score), score.detach(), "amax", include_self=False)
    exponential = (score - top[target]).exp()
    total = score.new_zeros(n, score.shape[1]).scatter_add(0, _like(target, score), exponential)
    return exponential / (total + 1e-16).index_select(0, target)


def _like(target: Tensor, values: Tensor) -> Tensor:
    return target.view(-1, *[1] * (values.ndim - 1)).expand_as(values)


class MeanConv(nn.Module):
    """Graph convolution with weights by similarity (published for faces).

    Formula: h_i = ReLU(W [x_i ; sum_j a_ij x_j] + b), a_ij = s_ij / sum_j s_ij.

    Inputs that are half as wide stand for [x ; x]: single images, whose average feature is their identity feature.
    Columns of W are then added up, not columns of products.

    Example:
        >>> conv = MeanConv(3, 8)
        >>> edges = torch.tensor([[1, 0], [0, 1]]), torch.tensor([[0.9], [0.9]])
        >>> conv((torch.eye(2, 3), torch.eye(2, 3)), *edges).shape
        torch.Size([2, 8])

    Source: official code, variant of July 2021.
    """

    def __init__(self, in_dim: int, out_dim: int, edge_dim: int = 1, heads: int = 1) -> None:
        super().__init__()
        self.mlp = nn.Linear(2 * in_dim, out_dim)
        nn.init.xavier_uniform_(self.mlp.weight)
        nn.init.zeros_(self.mlp.bias)

    def forward(
        self, x: Pair, edge_index: Int[Tensor, "2 edges"], edges: Float[Tensor, "edges e"]
    ) -> Float[Tensor, "b out"]:
        source, target = x
        similarity = edges[:, 0]
        total = summed(similarity, edge_index[1], len(target))  # (b,)
        weight = similarity / total[edge_index[1]].clamp(min=torch.finfo(similarity.dtype).tiny)
        messages = weight[:, None] * source.index_select(0, edge_index[0])
        return self.updated(target, summed(messages, edge_index[1], len(target)))

    def over_lists(
        self, x: Float[Tensor, "n in"], lists: Int[Tensor, "b k"], edges: Float[Tensor, "b k e"]
    ) -> Float[Tensor, "b out"]:
        """`forward` for the first b nodes of `x`, over neighbour lists (-1 = none) instead of edges.

        Example:
            >>> conv = MeanConv(3, 8)
            >>> conv.over_lists(torch.eye(2, 3), torch.tensor([[1], [0]]), torch.tensor([[[0.9]], [[0.9]]])).shape
            torch.Size([2, 8])
        """
        parts = []
        for rows in cache_chunks(len(lists), 2 * x.shape[1] + self.mlp.out_features, x.device):
            parts.append(self.updated(x[rows], self.gathered(x, lists[rows], edges[rows])))
        return torch.cat(parts)

    @staticmethod
    def gathered(
        x: Float[Tensor, "n in"], lists: Int[Tensor, "b k"], edges: Float[Tensor, "b k e"]
    ) -> Float[Tensor, "b in"]:
        """sum_j a_ij x_j of some nodes, from their neighbour lists; added up row by row, so no message is ever held.

        Example:
            >>> MeanConv.gathered(torch.eye(2), torch.tensor([[1], [0]]), torch.tensor([[[0.9]], [[0.9]]])).tolist()
            [[0.0, 1.0], [1.0, 0.0]]
        """
        if lists.shape[1] == 0:  # embedding_bag takes no empty bags
            return torch.zeros_like(x[: len(lists)])

        similarity = edges[..., 0]  # (b, k)
        weight = similarity / similarity.sum(dim=1, keepdim=True).clamp(min=torch.finfo(similarity.dtype).tiny)
        sender = lists.clamp(min=0)  # an absent neighbour has weight 0, so any node may stand for it
        return nn.functional.embedding_bag(sender, x, mode="sum", per_sample_weights=weight.to(x.dtype))

    def updated(self, target: Float[Tensor, "b in"], gathered: Float[Tensor, "b in"]) -> Float[Tensor, "b out"]:
        """ReLU(W [x_i ; gathered_i] + b)."""
        weight = self.mlp.weight  # (out, 2 in)
        width = target.shape[1]
        if width < weight.shape[1] // 2:
            weight = weight.unflatten(1, (2, -1, width)).sum(dim=2).flatten(1)
        return nn.functional.linear(torch.cat([target, gathered], dim=1), weight, self.mlp.bias).relu()


class AttentionConv(nn.Module):
    """Graph attention (published for iNaturalist).

    Formula: z = W x; a_ij = softmax over the neighbours j of LeakyReLU_0.2(l.z_j + r.z_i);
    h_i = ReLU(mean over heads of (sum_j a_ij z_j + b1 + b2)). There are no self loops; heads are averaged before
    the ReLU. There are two biases because the official weights have two.

    Example:
        >>> conv = AttentionConv(3, 8, heads=2)
        >>> edges = torch.tensor([[1, 0], [0, 1]]), torch.tensor([[0.9], [0.9]])
        >>> conv((torch.eye(2, 3), torch.eye(2, 3)), *edges).shape
        torch.Size([2, 8])

    Source: Velickovic et al., ICLR 2018; official code.
    """

    def __init__(self, in_dim: int, out_dim: int, edge_dim: int = 1, heads: int = 1) -> None:
        super().__init__()
        self.fc = nn.Linear(in_dim, heads * out_dim, bias=False)
        self.attn_l = nn.Parameter(torch.empty(1, heads, out_dim))
        self.attn_r = nn.Parameter(torch.empty(1, heads, out_dim))
        self.bias1 = nn.Parameter(torch.zeros(heads, out_dim))
        self.bias2 = nn.Parameter(torch.zeros(heads, out_dim))
        for weight in (self.fc.weight, self.attn_l, self.attn_r):
            nn.init.xavier_normal_(weight, gain=nn.init.calculate_gain("relu"))

    def forward(
        self, x: Pair, edge_index: Int[Tensor, "2 edges"], edges: Float[Tensor, "edges e"]
    ) -> Float[Tensor, "b out"]:
        shape = (-1, *self.attn_l.shape[1:])
        source, target = (self.fc(part).view(shape) for part in x)
        left = (source * self.attn_l).sum(dim=2)  # (n, heads)
        right = (target * self.attn_r).sum(dim=2)  # (b, heads)

        # index_select, not [...]: the gradient of [...] is added up by atomics on the CPU, in an order that varies.
        ends = left.index_select(0, edge_index[0]) + right.index_select(0, edge_index[1])  # (edges, heads)
        score = nn.functional.leaky_relu(ends, 0.2)  # 0.2: the slope of Velickovic et al., and DGL's default
        weight = softmax(score, edge_index[1], len(target))
        gathered = summed(weight[..., None] * source.index_select(0, edge_index[0]), edge_index[1], len(target))
        h: Tensor = (gathered + self.bias1 + self.bias2).mean(dim=1).relu()
        return h


class GatedConv(nn.Module):
    """Residual gated convolution that also reads the inputs of links (the default).

    Formula: g_ij = sigmoid(A x_i + B x_j + C e_ij); m_i = sum_j g_ij * (V x_j + E e_ij) / (sum_j g_ij + 1e-6);
    h_i = P x_i + ReLU(LayerNorm(U x_i + m_i)), with P the identity where in = out.

    Example:
        >>> conv = GatedConv(3, 8)
        >>> edges = torch.tensor([[1, 0], [0, 1]]), torch.tensor([[0.9], [0.9]])
        >>> conv((torch.eye(2, 3), torch.eye(2, 3)), *edges).shape
        torch.Size([2, 8])

    Source: Bresson & Laurent, "Residual Gated Graph ConvNets", 2017, with a normalised gate sum.
    """

    def __init__(self, in_dim: int, out_dim: int, edge_dim: int = 1, heads: int = 1) -> None:
        super().__init__()
        self.of_target = nn.Linear(in_dim, 2 * out_dim)  # gate | update
        self.of_source = nn.Linear(in_dim, 2 * out_dim, bias=False)  # gate | message
        self.of_edge = nn.Linear(edge_dim, 2 * out_dim, bias=False)  # gate | message
        self.norm = nn.LayerNorm(out_dim)
        self.skip: nn.Module = nn.Identity() if in_dim == out_dim else nn.Linear(in_dim, out_dim, bias=False)

    def forward(
        self, x: Pair, edge_index: Int[Tensor, "2 edges"], edges: Float[Tensor, "edges e"]
    ) -> Float[Tensor, "b out"]:
        source, target = x
        gate, update = self.of_target(target).chunk(2, dim=1)  # (b, out) each
        sent = self.of_source(source).index_select(0, edge_index[0]) + self.of_edge(edges)  # (edges, 2 out)
        gates, value = sent.chunk(2, dim=1)
        gates = (gates + gate.index_select(0, edge_index[1])).sigmoid()  # (edges, out)
        sums = summed(torch.cat([gates, gates * value], dim=1), edge_index[1], len(target))
        return self._updated(target, update, sums)

    def over_lists(
        self, x: Float[Tensor, "n in"], lists: Int[Tensor, "b k"], edges: Float[Tensor, "b k e"]
    ) -> Float[Tensor, "b out"]:
        """`forward` for the first b nodes of `x`, over neighbour lists (-1 = none) instead of edges.

        Nothing is scattered. Without gradients only one chunk of messages is held at a time; it stays in the cache.

        Example:
            >>> conv = GatedConv(3, 8)
            >>> conv.over_lists(torch.eye(2, 3), torch.tensor([[1], [0]]), torch.tensor([[[0.9]], [[0.9]]])).shape
            torch.Size([2, 8])
        """
        sent = self.of_source(x)  # (n, 2 out)
        if torch.is_grad_enabled():
            gate, update = self.of_target(x[: len(lists)]).chunk(2, dim=1)
            return self._updated(x[: len(lists)], update, self._list_sums(sent, gate, lists, edges))
        return self._in_chunks(x, sent.to(x.dtype), lists, edges)

    def _list_sums(self, sent: Tensor, gate: Tensor, lists: Tensor, edges: Tensor) -> Float[Tensor, "b sums"]:
        """Sums over k of gates | gated messages, with gradients."""
        # index_select, not [...]: its gradient adds up in a fixed order, so a seed gives the same weights every time.
        z = sent.index_select(0, lists.clamp(min=0).flatten()).unflatten(0, lists.shape) + self.of_edge(edges)
        gates, value = z.chunk(2, dim=2)  # (b, k, out) each
        gates = (gates + gate[:, None]).sigmoid() * (lists >= 0)[..., None]
        return torch.cat([gates.sum(dim=1), (gates * value).sum(dim=1)], dim=1)

    def _in_chunks(self, x: Tensor, sent: Tensor, lists: Tensor, edges: Tensor) -> Float[Tensor, "b out"]:
        """`_list_sums` and the update without gradients, chunk by chunk and in place.

        One buffer serves all chunks: fresh memory costs more than the arithmetic.
        """
        b, k = lists.shape
        h = x.new_empty(b, self.norm.normalized_shape[0])
        parts = cache_chunks(b, k * sent.shape[1], sent.device)
        buffer = sent.new_empty(parts[0].stop * k, sent.shape[1])
        sums = sent.new_empty(parts[0].stop, sent.shape[1])

        for rows in progress_bar(parts, "convolution"):
            part = lists[rows]  # (c, k)
            gate, update = self.of_target(x[rows]).chunk(2, dim=1)

            z = buffer[: part.numel()]
            torch.index_select(sent, 0, part.clamp(min=0).flatten(), out=z)
            z.addmm_(edges[rows].flatten(0, 1), self.of_edge.weight.T)
            gates, value = z.unflatten(0, part.shape).chunk(2, dim=2)  # (c, k, out) each, views of z
            gates.add_(gate[:, None]).sigmoid_().mul_((part >= 0)[..., None])
            value.mul_(gates)

            gate_sum, message_sum = sums[: len(part)].chunk(2, dim=1)
            torch.sum(gates, dim=1, out=gate_sum)
            torch.sum(value, dim=1, out=message_sum)
            h[rows] = self._updated(x[rows], update, sums[: len(part)])
        return h

    def _updated(self, target: Tensor, update: Tensor, sums: Tensor) -> Float[Tensor, "b out"]:
        gates, messages = sums.chunk(2, dim=1)  # (b, out) each
        # 1e-6: a node without neighbours has no gates to divide by. Small beside any open gate.
        h: Tensor = self.skip(target) + self.norm(update + messages / (gates + 1e-6)).relu()
        return h


CONVS: dict[str, type[nn.Module]] = {"gcn": MeanConv, "gat": AttentionConv, "gated": GatedConv}
