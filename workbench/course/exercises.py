"""The students' copy of each notebook: every solution becomes a stub, the checks stay and say "not answered yet"."""

from __future__ import annotations

import ast
import copy
import os
import re
from pathlib import Path

from nbformat import NotebookNode

from .._core.files import atomic_path
from .lesson import NAMES, check_calls, lesson_text, lessons, read, tagged, tags

_BLOCK = re.compile(r"^# solution\n(?P<solution>.*?)^# end$\n?", re.MULTILINE | re.DOTALL)
_NOTE = "*The solutions are in `solutions/`, in the notebook of the same name. Try first.*"
SOLUTIONS = "solutions"  # the folder, inside the students', of the notebooks that the copies are made from


def exercise_copy(notebook: NotebookNode) -> NotebookNode:
    """The notebook with stubs in place of solutions; the given one stays as it is.

    Raises:
        ValueError: a solution that is not marked as it should be; says which cell and why.

    Example:
        >>> import nbformat
        >>> code = "# solution\\nanswer = 6\\n# end\\ncourse.check('00-pairs', answer, 4)"
        >>> cell = nbformat.v4.new_code_cell(code, metadata={"tags": ["solution"]})
        >>> title = nbformat.v4.new_markdown_cell("# A lesson")
        >>> print(exercise_copy(nbformat.v4.new_notebook(cells=[title, cell])).cells[1].source)
        answer = ...  # your code
        course.check('00-pairs', answer, 4)
    """
    student = copy.deepcopy(notebook)
    later = {id(cell): _names_after(student, i) for i, cell in enumerate(student.cells)}
    for cell in tagged(student, "solution"):
        cell.source = stub(cell.source, used_later=later[id(cell)])
        cell.metadata["tags"] = [tag for tag in tags(cell) if tag != "solution"] + ["answer"]
    if student.cells and tagged(notebook, "solution"):
        student.cells[0].source += f"\n\n{_NOTE}"
    return student


def stub(source: str, used_later: frozenset[str] = frozenset()) -> str:
    """A solution cell's code with `answer = ...` in place of what makes the answer.

    Args:
        source: the lines `# solution` and `# end` enclose what the student writes; afterwards comes one
            `course.check(...)`.
        used_later: names that later cells read; what only a solution makes must not be among them.

    Raises:
        ValueError: no such lines, no answer made between them, other code after `# end`, or a name of the
            solution that another part of the notebook needs.
    """
    blocks = list(_BLOCK.finditer(source))
    if len(blocks) != 1:
        raise ValueError(
            f"solution cell: expected one block from '# solution' to '# end', found {len(blocks)}:\n{source}"
        )
    before = source[: blocks[0].start()]
    inside = blocks[0]["solution"]
    after = source[blocks[0].end() :]
    calls = check_calls(after)
    made = made_names(inside)
    if len(calls) != 1 or len(ast.parse(after).body) != 1:
        raise ValueError(f"solution cell: after '# end' comes one course.check(...) and nothing else:\n{source}")
    answer = calls[0].answer
    if answer not in made:
        raise ValueError(f"solution cell: {answer} must be made between '# solution' and '# end':\n{source}")
    inputs = {name for text in calls[0].inputs for name in _read_names(text)}
    if leaked := sorted((made - made_names(before)) & (used_later | inputs)):
        raise ValueError(f"solution cell: other code reads {', '.join(leaked)}, which students may not make:\n{source}")
    return f"{before}{answer} = ...  # your code\n{after}".rstrip("\n")


def made_names(source: str) -> set[str]:
    """Names that code gives a value to: variables, functions, imports.

    Example:
        >>> sorted(made_names("import numpy as np\\na, b = 1, 2\\ndef f(x): pass"))
        ['a', 'b', 'f', 'np']
    """
    tree = ast.parse(source)
    inner = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.Lambda) for n in ast.walk(f)}
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    local = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) in inner}
    defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    imported = {(alias.asname or alias.name).split(".")[0] for n in imports for alias in n.names}
    return (stored - local) | defined | imported


def _read_names(source: str | ast.AST) -> set[str]:
    tree = ast.parse(source) if isinstance(source, str) else source
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def needed_names(source: str) -> set[str]:
    """Names that code reads before it makes them, statement by statement.

    Example:
        >>> sorted(needed_names("a = a + b\\nc = [x for x in a]\\nprint(c)"))
        ['a', 'b', 'print']
    """
    needed: set[str] = set()
    made: set[str] = set()
    for statement in ast.parse(source).body:
        needed |= _read_names(statement) - _own_names(statement) - made
        made |= made_names(ast.unparse(statement))
    return needed


def _own_names(statement: ast.stmt) -> set[str]:
    """Names that a statement binds for itself: loop variables, parameters; not the left side of an assignment."""
    tree = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else statement
    nodes = list(ast.walk(tree)) if tree else []
    parameters = {node.arg for node in nodes if isinstance(node, ast.arg)}
    return parameters | {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _names_after(notebook: NotebookNode, i: int) -> frozenset[str]:
    """Names that the cells after cell `i` read before one of them makes them anew."""
    needed: set[str] = set()
    made: set[str] = set()
    for cell in notebook.cells[i + 1 :]:
        if cell.cell_type == "code":
            needed |= needed_names(cell.source) - made
            made |= made_names(cell.source)
    return frozenset(needed)


def write_exercises(folder: str | os.PathLike[str]) -> list[Path]:
    """Write `NN_name.ipynb` for every lesson `solutions/NN_name.ipynb`; copies of lessons that are gone are removed.

    Raises:
        ValueError: a solution that is not marked as it should be; names the notebook.
        FileNotFoundError: no lessons.
    """
    target = Path(folder)
    texts = exercise_texts(folder)
    for old in set(target.glob(NAMES)) - {target / name for name in texts}:
        old.unlink()
    for name, text in texts.items():
        with atomic_path(target / name) as part:
            part.write_text(text, encoding="utf-8")
    return [target / name for name in texts]


def exercise_texts(folder: str | os.PathLike[str]) -> dict[str, str]:
    """File name -> text of every generated notebook, as `write_exercises` writes them."""
    texts = {}
    for path in lessons(Path(folder) / SOLUTIONS):
        try:
            texts[path.name] = lesson_text(exercise_copy(read(path)))
        except (ValueError, SyntaxError) as error:
            raise ValueError(f"{path.name}: {error}") from error
    return texts
