"""The students' copy of each notebook: every solution becomes a stub, the checks stay and say "not answered yet"."""

from __future__ import annotations

import ast
import copy
import os
import re
from pathlib import Path

from nbformat import NotebookNode

from .._core.files import atomic_path
from .lesson import NAMES, check_calls, lesson_text, lessons, read, tags

SOLUTIONS = "solutions"  # the folder, inside the students', of the notebooks that the copies are made from
BEGIN = "# solution"  # the marks that nbgrader_config.py names, too
END = "# end"
STUB = "answer = ...  # your code"
_BLOCK = re.compile(rf"^{BEGIN}\n(?P<solution>.*?)^{END}$", re.MULTILINE | re.DOTALL)


def exercise_copy(notebook: NotebookNode) -> NotebookNode:
    """The notebook with stubs in place of solutions, as nbgrader's assign makes it; the given one stays as it is.

    Raises:
        ValueError: a solution that is not marked as it should be; says which cell and why.

    Example:
        >>> import nbformat
        >>> code = "# a number\\n# solution\\nanswer = 6\\n# end"
        >>> cells = [nbformat.v4.new_code_cell(code, metadata={"tags": ["answer"]})]
        >>> points = "course.check('00-pairs', answer, 4)"
        >>> cells.append(nbformat.v4.new_code_cell(points, metadata={"tags": ["points"]}))
        >>> print(exercise_copy(nbformat.v4.new_notebook(cells=cells)).cells[0].source)
        # a number
        answer = ...  # your code
    """
    student = copy.deepcopy(notebook)
    for i, cell in enumerate(student.cells):
        if "answer" in tags(cell):
            _require_points(student, i)
            cell.source = stub(cell.source, used_later=_names_after(notebook, i))
    return student


def _require_points(notebook: NotebookNode, i: int) -> None:
    """After an answer comes a cell with one `course.check("name", answer, ...)` and nothing else."""
    after = [cell.source for cell in notebook.cells[i + 1 : i + 2] if "points" in tags(cell)]
    found = [call for source in after for call in check_calls(source)]
    alone = all(len(ast.parse(source).body) == 1 for source in after)
    if len(found) != 1 or found[0].answer != "answer" or not alone:
        source = notebook.cells[i].source
        raise ValueError(f"answer cell: the next cell, tagged 'points', has one course.check(...) of answer:\n{source}")


def stub(source: str, used_later: frozenset[str] = frozenset()) -> str:
    """An answer cell's code with `answer = ...` in place of what makes the answer.

    Args:
        source: the lines `# solution` and `# end` enclose what the student writes; `# end` is the last line.
        used_later: names that later cells read; what only a solution makes must not be among them.

    Raises:
        ValueError: no such lines, no answer made between them, code after `# end`, or a name of the solution that
            another part of the notebook needs.
    """
    blocks = list(_BLOCK.finditer(source))
    if len(blocks) != 1 or source[blocks[0].end() :].strip():
        raise ValueError(f"answer cell: expected one block, '{BEGIN}' to '{END}', at its end, got:\n{source}")
    before = source[: blocks[0].start()]
    made = made_names(blocks[0]["solution"])
    if "answer" not in made:
        raise ValueError(f"answer cell: answer must be made between '{BEGIN}' and '{END}':\n{source}")
    if leaked := sorted((made - made_names(before) - {"answer"}) & used_later):
        raise ValueError(f"answer cell: other code reads {', '.join(leaked)}, which students may not make:\n{source}")
    return before + STUB


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
