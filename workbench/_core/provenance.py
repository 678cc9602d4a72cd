"""Which code made a result: a version that also tells whether a remote worker runs the same code."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

# Code that a result depends on. Whole folders: a list of files kept by hand once missed the GPU kernel.
FOLDERS = ("_core", "graph", "lander", "decode", "cluster", "evaluate", "train")


def code_version(*more: str) -> str:
    """The package's version and a hash of the code that results depend on (`FOLDERS`, and `more` folders).

    Example:
        >>> import workbench
        >>> code_version().split("-")[0] == workbench.__version__
        True
    """
    return f"{version('hilander-workbench')}-{folders_hash(*FOLDERS, *more)[:8]}"


def folders_hash(*folders: str) -> str:
    """A hash of the names and contents of all source files below some folders of the package.

    Example:
        >>> folders_hash("encoder") != folders_hash("encoder", "graph")
        True
    """
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def need_dask(name: str) -> None:
    """Check that Dask is installed, and name the missing extra if it is not.

    Raises:
        ImportError: Dask is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{name}: a cluster needs Dask, which is not installed; pip install -c constraints.txt -e '.[dask]'"
        ) from error
