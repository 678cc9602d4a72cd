"""Which code is this, so that results and workers elsewhere can tell whether it is theirs; is Dask there?"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from importlib.resources import files

SOURCES = (  # the code that a result depends on
    *("_blocks", "_checks", "_code", "_expected", "_forest", "_half", "_lists", "_merging"),
    *("_progress", "_room", "_search", "aggregate", "cluster_inputs", "config", "convs", "copies", "criteria"),
    *("cuts", "decode", "episodes"),
    *("forecast", "graph", "hierarchy", "lander", "losses", "merges", "metric", "metrics", "nested", "prediction"),
    *("recipe", "relative", "structure", "targets", "trainer", "training", "validation"),
    *("ablation/run", "ablation/trainings", "ablation/use"),
)


def code_version(*more: str) -> str:
    """The package's version and a hash of the code that results depend on; of `more` modules too.

    Example:
        >>> import workbench
        >>> code_version().split("-")[0] == workbench.__version__
        True
    """
    package = files("workbench")
    sources = b"".join((package / f"{name}.py").read_bytes() for name in (*SOURCES, *more))
    return f"{version('hilander-workbench')}-{hashlib.sha256(sources).hexdigest()[:8]}"


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
