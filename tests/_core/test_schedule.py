import pytest
import torch

from workbench._core.schedule import half_cosine


def test_the_rates_are_those_of_torch():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=300, eta_min=1e-5)
    for epoch in range(301):
        rate = 1e-5 + (3e-3 - 1e-5) * half_cosine(epoch, 300)
        assert schedule.get_last_lr()[0] == pytest.approx(rate, abs=1e-12)
        optimizer.step()
        schedule.step()
