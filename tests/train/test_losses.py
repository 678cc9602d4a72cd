"""The losses by their definition; tests/lander/test_model.py holds them against the official numbers."""

import torch

from workbench.train.losses import balance, link_loss


def test_balance_takes_as_many_of_both_kinds():
    random = torch.Generator().manual_seed(0)
    same, scored = torch.rand(40, 5, generator=random) < 0.2, torch.rand(40, 5, generator=random) < 0.7
    before = scored.clone()
    kept = balance(same, scored, random)
    assert (kept & same).sum() == (kept & ~same).sum() == min((scored & same).sum(), (scored & ~same).sum())
    assert not (kept & ~scored).any()
    assert torch.equal(scored, before)


def test_loss_without_scored_links_is_zero():
    assert link_loss(torch.zeros(2, 2, 2), *[torch.zeros(2, 2, dtype=torch.bool)] * 2) == 0
