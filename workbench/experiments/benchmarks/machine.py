"""Facts about the machine that figures depend on, and how fast it multiplies matrices at best."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import torch

PEAK_SIZE = {"cpu": 2048, "cuda": 8192}  # rows and columns of the matrices multiplied
PROBE = 256  # rows and columns of the product that tells how long those take
PATIENCE = 1.0  # seconds that one of them may take; processors without bfloat16 would need minutes
TIMES = 5


def machine_facts(device: str = "cpu") -> dict[str, Any]:
    """Processor, cores, threads, memory in GB, load, and the GPU if it is used; None where the system does not tell.

    Example:
        >>> {"cpu", "cores", "threads", "ram_gb", "load"} <= set(machine_facts())
        True
    """
    facts: dict[str, Any] = {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "ram_gb": _ram_gb(),
        "load": load(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "gpu": None,
    }
    if device != "cpu":
        facts |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    return facts


def load() -> float | None:
    """Programs that wanted a core in the last minute, on average: above the cores, figures are too high."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def measured_peak(device: str = "cpu") -> dict[str, float]:
    """Best speed of a square matrix product in GFLOP/s, by number format.

    Formula: 2 m^3 / seconds of the fastest of some products of two m x m matrices; small ones where a format is so slow
    that large ones would take seconds each.

    Returns: "fp32" and "bf16"; on CUDA "tf32", too.

    Example:
        >>> sorted(measured_peak())
        ['bf16', 'fp32']
    """
    kind = torch.device(device).type
    size = PEAK_SIZE[kind]
    x = torch.rand(size, size, device=device)
    found = {"fp32": _gflops(x), "bf16": _gflops(x.bfloat16())}
    if kind == "cuda":
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            found["tf32"] = _gflops(x)
        finally:
            torch.set_float32_matmul_precision(before)
    return found


def _gflops(x: torch.Tensor) -> float:
    if x.is_cuda:  # there small products tell how long a launch takes, and no format is slow
        return _speed_of(x)
    probed = _speed_of(x[:PROBE, :PROBE].contiguous())
    return probed if 2 * len(x) ** 3 / 1e9 > PATIENCE * probed else _speed_of(x)


def _speed_of(x: torch.Tensor) -> float:
    seconds = []
    for _ in range(TIMES + 1):  # the first one warms up
        start = time.perf_counter()
        x @ x
        if x.is_cuda:
            torch.cuda.synchronize(x.device)
        seconds.append(time.perf_counter() - start)
    return round(2 * len(x) ** 3 / min(seconds[1:]) / 1e9, 1)


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
        named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        if named:
            return named[0]
    return platform.processor() or platform.machine()


def _ram_gb() -> float | None:
    names = getattr(os, "sysconf_names", {})
    if not {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= set(names):
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
