"""Faults planted one by one, to see whether a test notices: `mutants.py --mutants 200 [FILE ...]`.

A mutant is one change of a syntax tree: a comparison turned, a sum made a difference, a number moved by one, a
statement dropped. Each runs in a process of its own, forked after all imports: the code of the function is exchanged
there, and the examples and tests of its module run until one fails. So a mutant costs its tests alone, without half a
minute of imports, and nothing is written to disk. Each is told of when its tests have run; after the last, or after
Ctrl-C, comes the account by module.

Loops that numba compiles are changed as well, and run uncompiled: `--loops`.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import gc
import os
import random
import resource
import signal
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = {  # a module of the package and the tests that answer for it, quickest first
    "decode/tree.py": ["decode/test_tree.py"],
    "decode/aggregate.py": ["decode/test_aggregate.py"],
    "decode/decoding.py": ["decode/test_tree.py", "decode/test_cuts.py"],
    "decode/dendrogram.py": ["decode/test_dendrogram.py", "decode/test_cuts.py"],
    "decode/edges.py": ["decode/test_dendrogram.py"],
    "decode/cut_criteria.py": ["decode/test_cut_criteria.py", "decode/test_quality.py"],
    "decode/cuts.py": ["decode/test_cuts.py", "decode/test_cut_criteria.py", "decode/test_quality.py"],
    "decode/near_duplicates.py": ["decode/test_near_duplicates.py"],
    "decode/parts.py": ["decode/test_parts.py"],
    "decode/rounds.py": ["decode/test_dendrogram.py"],
    "decode/blocks.py": ["decode/test_dendrogram.py"],
    "decode/subtrees.py": ["decode/test_dendrogram.py", "decode/test_cuts.py", "decode/test_quality.py"],
    "decode/node_stats.py": ["decode/test_quality_features.py"],
    "decode/quality_features.py": ["decode/test_quality_features.py"],
    "graph/density.py": ["graph/test_density.py"],
    "graph/distinct.py": ["graph/test_distinct.py"],
    "graph/exact.py": ["graph/test_half_precision.py", "graph/test_knn.py"],
    "graph/knn.py": ["graph/test_knn.py"],
    "graph/nodes.py": ["decode/test_aggregate.py", "cluster/test_hierarchy.py"],
    "graph/recall.py": ["graph/test_recall.py"],
    "graph/repeats.py": ["graph/test_knn.py"],
    "graph/similarity_stats.py": ["lander/test_relative_features.py", "graph/test_numba_lists.py"],
    "lander/inputs.py": ["lander/test_model.py", "lander/test_relative_features.py"],
    "lander/structural_features.py": ["lander/test_structural_features.py", "lander/test_model.py"],
    "lander/relative_features.py": ["lander/test_relative_features.py"],
    "cluster/levels.py": ["cluster/test_hierarchy.py", "cluster/test_repeats.py", "cluster/test_corrections.py"],
    "cluster/hierarchy.py": ["cluster/test_hierarchy.py", "cluster/test_repeats.py", "graph/test_recall.py"],
    "cluster/out_of_sample.py": ["cluster/test_out_of_sample.py", "cluster/test_hilander.py"],
    "cluster/predictors.py": ["cluster/test_hierarchy.py", "evaluate/test_interventions.py"],
    "cluster/diagnostics.py": ["cluster/test_diagnostics.py", "cluster/test_corrections.py"],
    "cluster/ties.py": ["cluster/test_constraints.py"],
    "evaluate/scores.py": ["evaluate/test_scores.py"],
    "evaluate/expected_mi.py": ["evaluate/test_scores.py"],
    "evaluate/intervals.py": ["experiments/ablation/test_ablation.py"],
    "evaluate/errors.py": ["evaluate/test_errors.py"],
    "evaluate/link_decisions.py": ["evaluate/test_link_decisions.py"],
    "evaluate/tau_sweep.py": ["evaluate/test_tau_sweep.py"],
    "evaluate/interventions.py": ["evaluate/test_interventions.py"],
}
LOOPS = {
    "decode/_numba.py": ["decode/test_dendrogram.py", "decode/test_cuts.py"],
    "decode/_numba_merges.py": ["decode/test_dendrogram.py", "decode/test_cuts.py"],
    "decode/_numba_classes.py": ["decode/test_dendrogram.py"],
    "graph/_numba.py": ["graph/test_knn.py", "graph/test_numba_lists.py"],
}
LIMIT = 150  # seconds of the processor: a mutant that runs on for longer, or ten times as long in all, is noticed
ROOM = 8 << 30  # bytes of memory, for the same reason

PLAIN = ["-q", "-W", "ignore", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile=mutants"]

TURNED = {ast.Lt: ast.GtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
TURNED |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
TURNED |= {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}
TURNED |= {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And}
NAMES = {"max": "min", "min": "max", "amax": "amin", "amin": "amax", "argmax": "argmin", "argmin": "argmax"}
NAMES |= {"any": "all", "all": "any"}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What could stand in the place of this node, each a small fault."""
    changed = copy.copy(node)
    match node:
        case ast.Compare(ops=[op]) if type(op) in TURNED:
            changed.ops = [TURNED[type(op)]()]
            yield changed
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in TURNED:
            changed.op = TURNED[type(op)]()
            yield changed
        case ast.Constant(value=bool()):
            changed.value = not node.value
            yield changed
        case ast.Constant(value=int() | float()):
            changed.value = node.value + 1
            yield changed
        case ast.UnaryOp(op=ast.Not() | ast.Invert() | ast.USub()):
            yield node.operand
        case ast.IfExp():
            changed.body, changed.orelse = node.orelse, node.body
            yield changed
        case ast.If():
            changed.test = ast.Constant(value=False)
            yield changed
        case ast.Attribute(attr=name) if name in NAMES:
            changed.attr = NAMES[name]
            yield changed
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()


def inside(node: ast.AST, within: bool = False) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Places in bodies of functions: the parent, its field, the index there. Errors, types and texts are left out."""
    for name, field in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "args"):
            continue
        for index, child in enumerate(field) if isinstance(field, list) else [(None, field)]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Raise | ast.JoinedStr):
                continue
            if within:
                yield node, name, index
            yield from inside(child, within or isinstance(child, ast.FunctionDef))


def mutants_of(path: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every mutant of a file: where and how, and its tree."""
    source = path.read_text(encoding="utf-8")
    for number, (parent, name, index) in enumerate(inside(ast.parse(source))):
        node = getattr(parent, name) if index is None else getattr(parent, name)[index]
        for which, _ in enumerate(changes(node)):
            tree = ast.parse(source)  # a fresh one, in which the same place is changed
            at, name, index = list(inside(tree))[number]
            old = getattr(at, name) if index is None else getattr(at, name)[index]
            new = ast.copy_location(list(changes(old))[which], old)
            where = f"{path.relative_to(ROOT)}:{getattr(old, 'lineno', 0)}: {ast.unparse(old)}"[:110]
            if index is None:
                setattr(at, name, new)
            else:
                getattr(at, name)[index] = new
            yield " ".join(f"{where}  ->  {ast.unparse(new)}".split())[:200], ast.fix_missing_locations(tree)


@functools.cache  # asked by the parent, before what there is is frozen
def functions_of(path: Path) -> dict[tuple[str, int], list[types.FunctionType]]:
    """The functions of a file that live in this process, by name and line, also behind decorators."""
    found: dict[tuple[str, int], list[types.FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, types.FunctionType) and one.__code__.co_filename == str(path):
            found.setdefault((one.__code__.co_qualname, one.__code__.co_firstlineno), []).append(one)
    return found


def exchange(path: Path, tree: ast.Module) -> bool:
    """Give the functions of this process the code of a changed file; False: it changes none of them."""
    living = functions_of(path)
    todo: list[types.CodeType] = [compile(tree, str(path), "exec")]
    count = 0
    while todo:
        code = todo.pop()
        todo += [const for const in code.co_consts if isinstance(const, types.CodeType)]
        for one in living.get((code.co_qualname, code.co_firstlineno), []):
            if one.__code__.co_freevars == code.co_freevars and one.__code__ != code:
                one.__code__ = code
                count += 1
    return count > 0


def noticed(path: Path, tree: ast.Module | None, tests: list[str]) -> bool | None:
    """Whether a test fails; None: the change reaches no function. No tree: on the code as it is."""
    child = os.fork()
    if child == 0:
        signal.alarm(10 * LIMIT)
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
        resource.setrlimit(resource.RLIMIT_DATA, (ROOM, ROOM))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        every = [path, *(ROOT / "tests" / name for name in tests)]
        os._exit(_run(every) if tree is None or exchange(path, tree) else 99)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return None if code == 99 else code != 0


def _run(tests: list[Path]) -> int:
    """The exit code of these tests, and of examples in docstrings."""
    import pytest

    return int(pytest.main([*PLAIN, "-x", "-m", "not slow", "--doctest-modules", *map(str, tests)]))


def main() -> int:
    """Run the mutants that were asked for; 1 where fewer than `--least` of them are noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="modules below workbench/, e.g. decode/tree.py; default: all")
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--least", type=float, default=0.9, help="share that must be noticed")
    parser.add_argument("--loops", action="store_true", help="the compiled loops instead, run uncompiled")
    asked = parser.parse_args()

    known = LOOPS if asked.loops else TESTS
    sys.path.insert(0, str(ROOT))
    os.environ |= {"OMP_NUM_THREADS": "1", "NUMBA_DISABLE_JIT": str(int(asked.loops))}
    files = asked.files or list(known)
    tests = {name for file in files for name in known[file]}
    _import(files, tests)
    every = [(file, *mutant) for file in files for mutant in mutants_of(ROOT / "workbench" / file)]
    chosen = random.Random(asked.seed).sample(every, min(asked.mutants, len(every)))
    print(f"{len(chosen)} of {len(every)} mutants of {len(files)} files", flush=True)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    found: list[tuple[str, bool]] = []
    try:
        for file, how in tried(chosen, known):
            found.append((file, how))
    except KeyboardInterrupt:
        print(f"interrupted after {len(found)} of {len(chosen)}", flush=True)
    return int(account(found) < asked.least)


def tried(chosen: list[tuple[str, str, ast.Module]], known: dict[str, list[str]]) -> Iterator[tuple[str, bool]]:
    """The module of each mutant and whether it is noticed, told as it goes. Tests must pass on the code as it is."""
    sound = set()
    done = count = 0
    for file, where, tree in chosen:
        start = time.time()
        path = ROOT / "workbench" / file
        if file not in sound and noticed(path, None, known[file]):
            sys.exit(f"{file}: {' '.join(known[file])} fail without any change")
        sound.add(file)
        how = noticed(path, tree, known[file])
        if how is not None:
            done, count = done + 1, count + how
            said = "noticed" if how else "NOT NOTICED"
            print(f"{count:4} of {done:<4} {said:<11} {time.time() - start:4.0f} s  {where}", flush=True)
            yield file, how


def account(found: list[tuple[str, bool]]) -> float:
    """Print how many were noticed, by module and in all; the share."""
    for file in sorted({file for file, _ in found}):
        hows = [how for name, how in found if name == file]
        print(f"{file:<34} {sum(hows):4} of {len(hows):4}")
    noticed_ones = sum(how for _, how in found)
    share = noticed_ones / max(1, len(found))
    print(f"{noticed_ones} of {len(found)} noticed ({share:.0%})", flush=True)
    return share


def _import(files: list[str], tests: set[str]) -> None:
    """Load what the tests need, once for all processes; a run without tests loads pytest's plugins."""
    import importlib

    import hypothesis
    import pytest

    for file in files:
        importlib.import_module("workbench." + file.removesuffix(".py").replace("/", "."))
    # The same examples each time, no shrinking and no memory: whether a test fails is asked, not on what.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile(
        "mutants", max_examples=30, derandomize=True, database=None, deadline=None, phases=phases
    )
    pytest.main([*PLAIN, "--collect-only", *(str(ROOT / "tests" / name) for name in tests)])
    for file in files:
        functions_of(ROOT / "workbench" / file)
    gc.collect()
    gc.freeze()  # a million objects, which each process would look through again, and so copy


if __name__ == "__main__":
    sys.exit(main())
