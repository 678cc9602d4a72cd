"""Packages that are measured beside ours where they are installed; none of them is a dependency."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

PEERS = {  # module -> what to install
    "faiss": "faiss-cpu",
    "hnswlib": "hnswlib",
    "pynndescent": "pynndescent",
    "finch": "finch-clust",
    "infomap": "infomap",
    "fast_hdbscan": "fast-hdbscan",
    "evoc": "evoc",
}
_LOOK = "import sys; from importlib.util import find_spec; sys.exit(find_spec(sys.argv[1]) is None)"
OWN = ("torch", "torch-geometric", "numpy", "scipy", "scikit-learn", "pandas", "numba", "matplotlib")


def missing(module: str, python: str = sys.executable) -> str:
    """Why a peer cannot be measured in an interpreter and how to install it; "" where it is there.

    Example:
        >>> missing("numpy"), missing("no_such_peer")
        ('', 'no_such_peer is not installed: pip install no_such_peer')
    """
    if python == sys.executable:
        there = find_spec(module) is not None
    else:
        there = subprocess.run([python, "-c", _LOOK, module], check=False).returncode == 0
    if there:
        return ""
    return f"{module} is not installed: pip install {PEERS.get(module, module)}"


def peer(module: str) -> Any:
    """The package, imported.

    Raises:
        ImportError: it is not installed; says how to.

    Example:
        >>> peer("numpy").__name__
        'numpy'
    """
    if reason := missing(module):
        raise ImportError(reason)
    return import_module(module)


def versions() -> dict[str, str]:
    """Installed versions of all packages that a figure may depend on.

    Example:
        >>> {"torch", "scikit-learn"} <= set(versions())
        True
    """
    return {name: found for name in (*OWN, *PEERS.values(), "faiss-gpu") if (found := _version(name))}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
