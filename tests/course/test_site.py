"""A small course as a site: figures without a kernel, one plotly.js, links, and nothing left behind by a failure."""

import json
import re
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("myst_nb", reason="the site's builder is not installed: pip install -e '.[course]'")

from workbench.course.__main__ import main
from workbench.course.site import MARK, build_site, execute, plot_html, site_bytes
from workbench.course.site_documents import DOCUMENTS

# myst-nb and napoleon call what Sphinx will drop.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

FIGURE = "import plotly.graph_objects as go\ngo.Figure(go.Scatter(y=[1, 2], name='</script><b>'))"
WIDGET = (
    "import ipywidgets\nclass Both(ipywidgets.HTML):\n    def _repr_mimebundle_(self, **kwargs):\n"
    "        return {**super()._repr_mimebundle_(**kwargs), 'text/html': '<i>still</i>'}\nBoth()"
)


def write_lesson(folder: Path, name: str, title: str, *sources: str, link: str = "") -> None:
    first = f"# {title}\n\n**You will** see {title}.\n\n**About 5 minutes.** {link}"
    cells = [nbformat.v4.new_markdown_cell(first), nbformat.v4.new_code_cell("seed = 0\nfast = False")]
    cells[1].metadata["tags"] = ["parameters"]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    cells[-1].metadata.setdefault("tags", ["answer"])
    (folder / "solutions").mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "solutions" / f"{name}.ipynb")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("course")
    (place / "docs").mkdir()
    (place / "README.md").write_text('# About\n\n<img src="docs/a.svg" alt="an a">\n\n[Use](docs/use.md#it)\n')
    (place / "docs/a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (place / "docs/use.md").write_text(
        "# Use\n\n## It\n\n[start](../notebooks/START.ipynb) [tour](../books/00_one.ipynb) [deep](../a/b.py)\n"
    )
    write_lesson(place / "books", "00_one", "One & all", FIGURE, link="On to [two](01_two.ipynb#end).")
    noise = "import sys\nprint('fast', fast)\nprint('a bar', file=sys.stderr)"
    write_lesson(
        place / "books", "01_two", "Two", noise, WIDGET, "ipywidgets.IntSlider()", "# solution\nprint('the answer')"
    )
    return build_site(place / "books", place / "site", fast=True, tell=lambda line: None)


def page(site: Path, name: str) -> str:
    return (site / f"{name}.html").read_text(encoding="utf-8")


def test_the_first_page_leads_to_every_page(site):
    first = page(site, "index")
    assert "2 lessons, 0.2 hours in all" in first
    links = set(re.findall(r'href="(\w+\.html)"', first))
    assert links >= {"00_one.html", "01_two.html", "quiz.html", "api.html", "search.html"}


def test_documents_are_pages_with_their_pictures_and_links(site):
    assert 'href="use.html#it"' in page(site, "README")
    assert 'src="_images/a.svg"' in page(site, "README")
    use = page(site, "use")
    assert re.findall(r'<p><a [^>]*href="([^"]+)"', use) == ["index.html"]
    assert 'href="00_one.html"' in use
    assert "a/b.py" in use
    assert {"README.html", "use.html"} <= set(re.findall(r'href="(\w+\.html)"', page(site, "index")))


def test_every_link_leads_to_a_page(site):
    for path in site.glob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#?]+)', path.read_text(encoding="utf-8")):
            assert link.startswith("http") or (site / link).exists(), f"{path.name}: {link}"
    assert 'href="01_two.html#end"' in page(site, "00_one")
    assert "Needs a kernel" not in page(site, "00_one")
    assert "open <code" in page(site, "00_one")


def test_public_names_stand_with_formula_example_and_source(site):
    names = page(site, "api")
    assert "workbench.HiLander" in names
    assert "max(0, x_i . x_j)" in names or "cosine" in names
    assert "&gt;&gt;&gt;" in names
    assert "_modules/workbench" in names


def test_figures_are_data_and_plotly_is_there_once(site):
    one = page(site, "00_one")
    (data,) = re.findall(r'<script [^>]*type="application/json"[^>]*>(.*?)</script>', one, flags=re.DOTALL)
    assert json.loads(data)["data"][0]["name"] == "</script><b>"
    assert [p.name for p in site.rglob("*") if p.stat().st_size > 2_000_000] == ["plotly.min.js"]
    assert site_bytes(site) < 12_000_000


def test_widgets_give_their_static_side_and_bars_are_left_out(site):
    two = page(site, "01_two")
    assert "<i>still</i>" in two
    assert "IntSlider(" not in two.replace("IntSlider()", "")
    assert "a bar</pre>" not in two
    assert "fast True" in two


def test_solutions_are_folded_away(site):
    folded = re.search(r"<details.*?</details>", page(site, "01_two"), flags=re.DOTALL)
    assert folded
    assert "A solution" in folded[0]
    assert "the answer" in folded[0]


def test_nothing_is_asked_of_the_network(site):
    text = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.html"))
    assert not re.search(r'<(script|link|img|iframe)[^>]+(src|href)="(https?:)?//', text)
    assert "@import" not in text


def test_a_failure_names_notebook_and_error_and_changes_nothing(site, tmp_path, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in site.iterdir()}
    write_lesson(tmp_path / "books", "00_good", "Good", "1 + 1")
    write_lesson(tmp_path / "books", "01_bad", "Bad", "1 / 0")
    code = main(["site", "--fast", "--notebooks", str(tmp_path / "books"), "--target", str(site)])
    said = capsys.readouterr().err
    assert code == 1
    assert "01_bad.ipynb: ZeroDivisionError: division by zero" in said
    assert {path.name: path.stat().st_mtime_ns for path in site.iterdir()} == before
    assert [path.name for path in site.parent.iterdir() if path.name.startswith(".site-")] == []


@pytest.mark.slow
def test_an_earlier_site_is_replaced_but_no_other_folder(tmp_path):
    write_lesson(tmp_path / "books", "00_one", "One", "1")
    place = tmp_path / "site"
    place.mkdir()
    for name in (MARK, "old.html"):
        (place / name).write_text("old")
    build_site(tmp_path / "books", place, tell=lambda line: None)
    assert not (place / "old.html").exists()
    assert (place / "index.html").exists()
    assert (place / MARK).read_text() != "old"  # the next one may replace it, too
    with pytest.raises(ValueError, match="no site of this course"):
        build_site(tmp_path / "books", tmp_path / "books")
    with pytest.raises(FileNotFoundError, match="expected notebooks"):
        build_site(tmp_path, tmp_path / "other")


def test_a_lesson_without_parameters_is_named(tmp_path):
    nbformat.write(nbformat.v4.new_notebook(cells=[]), tmp_path / "00_none.ipynb")
    with pytest.raises(RuntimeError, match=r"00_none\.ipynb.*parameters"):
        execute(tmp_path / "00_none.ipynb", fast=True)


def test_a_figure_keeps_its_height():
    assert 'style="height:700px"' in plot_html("a", {"data": [], "layout": {"height": 700}})
    assert 'style="height:450px"' in plot_html("a", {"data": []})


def test_the_site_has_every_document():
    folder = Path(__file__).parents[2] / "docs"
    assert {*DOCUMENTS} == {"README", *(path.stem for path in folder.glob("*.md"))}
