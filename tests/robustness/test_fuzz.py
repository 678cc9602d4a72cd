"""Damaged files, a few hundred of them: `make fuzz` tries ten thousand of each kind."""

import pytest
from fuzz import READERS, fuzz


@pytest.mark.parametrize("reader", READERS)
def test_damaged_files_are_read_or_refused_by_name(reader):
    outcomes = fuzz(reader, 60, seed=1)
    assert not [how for how in outcomes if how.startswith("WRONG")]
    assert outcomes["refused"] > 0
