"""Jobs killed at random moments, a few times: `make kills` does it two hundred times."""

import sys

import pytest
from kills import kills

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork")


@pytest.mark.parametrize("job", ["tables", "cluster"])
def test_a_kill_leaves_old_files_or_new_ones_and_no_others(job):
    assert kills(job, 2, seed=2) == []
