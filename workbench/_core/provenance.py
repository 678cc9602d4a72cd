"""Which code is this, so that results and workers elsewhere can tell whether it is theirs; is Dask there?"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

FOLDERS = ("_core", "graph", "lander", "decode", "cluster", "evaluate", "train")  # whose code a result depends on


def code_version(*more: str) -> str:
    """The package's version and a hash of the code that results depend on; of `more` folders too.

    Whole folders are hashed: a list of files kept by hand would miss the next one.

    Example:
        >>> import workbench
        >>> code_version().split("-")[0] == workbench.__version__
        True
    """
    return f"{version('hilander-workbench')}-{folders_hash(*FOLDERS, *more)[:8]}"


def folders_hash(*folders: str) -> str:
    """A hash of every source file below some folders of the package, with its name.

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
    """Say which extra is missing, before anything imports it.

    Raises:
        ImportError: Dask is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{name}: a cluster needs Dask, which is not installed; pip install 'hilander-workbench[dask]'"
        ) from error
