"""Runs the command line in this process and judges its errors."""

import os
import re

import torch
from typer.testing import CliRunner

from workbench.cli import app

TRAINED = ("--epochs", 8, "--device", "cpu")
OFF = ("--no-report", "--quiet", "--device", "cpu")
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": str(torch.get_num_threads()),
    "PYTHONWARNINGS": "ignore::DeprecationWarning",
}


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="workbench")


def failed(result, *expected):
    """The error is one line on stderr with all of `expected`, exit code 1, nothing on stdout."""
    assert result.exit_code == 1, result.stderr
    assert result.stdout == ""
    assert re.fullmatch(r"error: [^\n]+\n", result.stderr)
    for part in expected:
        assert str(part) in result.stderr
