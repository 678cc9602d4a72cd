"""What training minimises: a loss on links and a loss on densities, on one model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .._core.validation import check_choice, check_flag, check_number


@dataclass(frozen=True)
class LossConfig:
    """The loss and its switches.

    Attributes:
        links: which links are scored: "all" (calibrates linkage everywhere) or "denser" (published: only those whose
            neighbour is truly denser, the ones a perfect decode may use).
        gamma: focal exponent; 0 is cross entropy (published: 0; the official code offers 2).
        balanced: draw as many links of the rarer kind as of the other in every batch (published: on, as here).
        density_weight: factor on the density loss; published: 1. 0: links alone.
        link_weight: factor on the link loss; 0: density alone.
    """

    links: str = "all"
    gamma: float = 0.0
    balanced: bool = True
    density_weight: float = 1.0
    link_weight: float = 1.0

    def __post_init__(self) -> None:
        check_choice(self.links, "links", ("all", "denser"))
        check_number(self.gamma, "gamma")
        check_flag(self.balanced, "balanced")
        check_number(self.density_weight, "density_weight")
        check_number(self.link_weight, "link_weight")
        if not any(self.weights.values()):
            raise ValueError("link_weight, density_weight: expected one above 0, got 0 for both")

    @property
    def weights(self) -> dict[str, float]:
        """Term of the loss, as its column of the history is named -> what it counts in the sum."""
        return {"link_loss": self.link_weight, "density_loss": self.density_weight}


def link_loss(
    logits: Float[Tensor, "n k 2"],
    same: Bool[Tensor, "n k"],
    scored: Bool[Tensor, "n k"],
    gamma: float = 0.0,
    count: Float[Tensor, " n"] | None = None,
) -> Float[Tensor, ""]:
    """Mean focal loss over the scored links; gamma = 0 gives binary cross entropy.

    Formula: -(1 - p)^gamma ln p, p the probability given to the true kind. 0 where no link is scored.

    Args:
        logits, same, scored: of every link.
        gamma: focal exponent.
        count: what the links of each node count in the mean; None: all alike.

    Example:
        >>> logits = torch.zeros(1, 1, 2)
        >>> yes = torch.ones(1, 1, dtype=torch.bool)
        >>> round(link_loss(logits, yes, yes).item(), 4)
        0.6931

    Source: paper section 3.2; Lin et al., ICCV 2017 (focal loss).
    """
    chosen = logits[scored]  # (links, 2)
    kind = same[scored].long()  # (links,)
    log_p = chosen.log_softmax(dim=1).gather(1, kind[:, None])[:, 0]
    loss = -log_p if gamma == 0 else -((1 - log_p.exp()) ** gamma) * log_p
    if count is None:
        return loss.sum() / max(1, len(loss))
    weight = count[:, None].expand(scored.shape)[scored]  # (links,)
    return (weight * loss).sum() / weight.sum().clamp(min=1)


def density_loss(
    predicted: Float[Tensor, " n"], target: Float[Tensor, " n"], count: Float[Tensor, " n"] | None = None
) -> Float[Tensor, ""]:
    """Mean squared error of the densities; `count`: what each node counts in the mean.

    Example:
        >>> density_loss(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0])).item()
        0.5

    Source: paper section 3.2.
    """
    error = (predicted - target).square()
    return error.mean() if count is None else (count * error).sum() / count.sum()


def balance(same: Bool[Tensor, "n k"], scored: Bool[Tensor, "n k"], generator: torch.Generator) -> Bool[Tensor, "n k"]:
    """A copy of `scored` with links of the commoner kind dropped at random until both kinds are equally many.

    A batch with one kind only keeps all its links.

    Example:
        >>> same = torch.tensor([[True, False, False, False]])
        >>> balance(same, torch.ones_like(same), torch.Generator().manual_seed(0)).sum().item()
        2
    """
    kinds = [(scored & kind).flatten().nonzero()[:, 0] for kind in (same, ~same)]
    fewer = min(map(len, kinds))
    if fewer == 0:
        return scored

    kept = torch.zeros_like(scored).flatten()
    for index in kinds:
        order = torch.randperm(len(index), generator=generator).to(index.device)
        kept[index[order[:fewer]]] = True
    return kept.view_as(scored)
