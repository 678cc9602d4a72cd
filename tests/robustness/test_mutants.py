"""A few planted faults: `make mutants` plants two hundred and more."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_planted_faults_are_noticed():
    tool = Path(__file__).parent / "mutants.py"
    files = ["decode/tree.py", "decode/aggregate.py", "graph/density.py"]
    asked = [*files, "--mutants", "3", "--seed", "3", "--least", "1"]
    found = subprocess.run([sys.executable, tool, *asked], capture_output=True, text=True, timeout=280, check=False)
    assert found.returncode == 0, found.stdout[-2000:]
