"""The readers of fuzz.py under a fuzzer that sees which code runs: `guided.py --inputs 10000 [READER ...]`.

Atheris (libFuzzer) keeps every input that reaches new code, and changes it further; half of the changes are those of
fuzz.py. It sees the package and what reads files in Python beside it: Pillow, zipfile, tomllib, NumPy's and torch's
formats. Each reader has a process of its own. What is wrong is printed and kept in build/fuzz; the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import sys
import tempfile
import time
import types
import warnings
from collections import Counter
from pathlib import Path

import atheris
import numpy as np
import torch  # before the imports that are watched: all of it would be watched, too

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "fuzz"
SEEN = ["workbench", "PIL", "zipfile", "tomllib"]
COMPILED = [path for name in ("_numba*", "_triton") for path in (ROOT / "workbench").rglob(f"{name}.py")]

for name in [one for one in sys.modules if one.split(".")[0] == "zipfile"]:
    del sys.modules[name]  # it came with torch, unseen
unseen = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in COMPILED]
with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(SEEN, unseen):
    from fuzz import NAME, READERS, SLOW, damaged, outcome
    from PIL import Image

    Image.init()

for module in (sys.modules[np.lib.format.read_magic.__module__], torch._weights_only_unpickler):
    for place in (module, *(one for one in vars(module).values() if isinstance(one, type))):
        for one in vars(place).values():
            if isinstance(one, types.FunctionType) and one.__module__ == module.__name__:
                atheris.instrument_func(one)


def guided(reader: str, inputs: int, seconds: float, seed: int) -> None:
    """Try so many inputs, or for so long, then end this process; the exit code is 1 where something was wrong."""
    ending, sound, read = READERS[reader]
    outcomes: Counter[str] = Counter()
    start = time.monotonic()
    folder = tempfile.TemporaryDirectory()
    corpus, path = Path(folder.name) / "corpus", Path(folder.name) / f"{NAME}{ending}"
    corpus.mkdir()
    whole = sound()
    for number, file in enumerate(whole):
        (corpus / str(number)).write_bytes(file)

    def one(data: bytes) -> None:
        path.write_bytes(data)
        how = outcome(read, path)
        outcomes[how] += 1
        if how.startswith("WRONG"):
            (KEPT / f"{reader}-{outcomes.total()}{ending}").write_bytes(data)
        if outcomes.total() == inputs or time.monotonic() - start > seconds:
            new = len(list(corpus.iterdir())) - len(whole)
            took = time.monotonic() - start
            print(f"{reader}: {outcomes.total()} inputs, {took:.0f} s, {new} on new ways: {dict(outcomes)}", flush=True)
            folder.cleanup()
            os._exit(int(any(how.startswith("WRONG") for how in outcomes)))

    def changed(data: bytes, most: int, draw: int) -> bytes:
        return damaged(data, random.Random(draw))[:most] if draw % 2 else atheris.Mutate(data, most)

    most = 2 * max(map(len, whole))
    limits = [f"-max_len={most}", "-len_control=0", f"-timeout={2 * SLOW:.0f}", "-rss_limit_mb=6000"]
    quiet = ["-verbosity=0", f"-artifact_prefix={KEPT}/{reader}-"]
    warnings.simplefilter("ignore")
    atheris.Setup([__file__, *limits, *quiet, f"-seed={seed}", str(corpus)], one, custom_mutator=changed)
    atheris.Fuzz()


def main() -> int:
    """Run the readers asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", choices=[[], *READERS])
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=600, help="a reader's, at most")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    wrong = []
    for reader in asked.readers or READERS:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(KEPT / f"{reader}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
            guided(reader, asked.inputs, asked.seconds, asked.seed)
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            print(f"WRONG: {reader} ended with exit code {code}; look into {KEPT}", flush=True)
            wrong.append(reader)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
