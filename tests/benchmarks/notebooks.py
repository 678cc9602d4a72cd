"""How long every notebook of the course takes: `python tests/benchmarks/notebooks.py [--full] [NAME ...]`.

A row per notebook: wall seconds from the start of its kernel to the end of its last cell, CPU seconds, peak memory.
Nothing is asserted: times are a machine's own.
"""

import argparse
import os
import resource
import time
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from workbench.course.lesson import in_fast_mode, lessons, read

FOLDER = Path(__file__).resolve().parents[2] / "notebooks" / "solutions"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="beginnings of names: 05 09; all without any")
    parser.add_argument("--full", action="store_true", help="not in fast mode")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores\n{'notebook':<24} seconds cpu_s peak_mb", flush=True)
    for path in lessons(FOLDER):
        if asked.names and not path.name.startswith(tuple(asked.names)):
            continue
        own = os.fork()  # the children's CPU seconds and memory are counted for each notebook alone
        if own == 0:
            try:
                _one(path, asked.full)
            finally:
                os._exit(0)
        os.waitpid(own, 0)


def _one(path: Path, full: bool) -> None:
    notebook = read(path) if full else in_fast_mode(read(path))
    ends = []  # the student does not wait for the kernel's end
    client = NotebookClient(
        notebook, timeout=None, kernel_name="python3", on_notebook_complete=lambda **_: ends.append(time.perf_counter())
    )
    start = time.perf_counter()
    try:
        client.execute(cwd=str(FOLDER))
    except CellExecutionError as error:
        print(error)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print(f"{path.stem:<24} {ends[0] - start:7.1f} {cpu:5.1f} {peak:7.0f}", flush=True)


if __name__ == "__main__":
    main()
