"""The tour in a real JupyterLab in a real browser: every cell run, the map's slider moved, the pictures looked at."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from figures import colours, move_slider, painted, screenshot, slider_text

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def lab(tmp_path):
    """Address of a JupyterLab of its own: token, free port, no settings of the user's; it ends with the test."""
    folder = tmp_path / "work"
    folder.mkdir()
    notebook = json.loads((ROOT / "notebooks" / "00_tour.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            cell["source"] = "seed = 0\nfast = True"
    (folder / "00_tour.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0"]
    command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    log = tmp_path / "lab.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, env=_environment(tmp_path), cwd=folder, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait_for(f"{address}/api/status?token={token}", server, log)
        yield f"{address}/lab/tree/00_tour.ipynb?token={token}"
    finally:
        server.terminate()
        server.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def _environment(home: Path) -> dict[str, str]:
    own = {"HOME": home, "JUPYTER_CONFIG_DIR": home / "config", "JUPYTER_RUNTIME_DIR": home / "runtime"}
    own |= {"JUPYTER_DATA_DIR": home / "data", "IPYTHONDIR": home / "ipython", "JUPYTERLAB_SETTINGS_DIR": home / "lab"}
    kept = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    # the real cache of data sets: nothing is drawn twice; compiled functions, too
    kept["XDG_CACHE_HOME"] = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return {**os.environ, **{name: str(path) for name, path in own.items()}, **kept}


def _wait_for(address: str, server: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert server.poll() is None, f"JupyterLab ended: {log.read_text()[-2000:]}"
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError(f"JupyterLab did not answer within {seconds:.0f} s: {log.read_text()[-2000:]}")


def test_the_tour_runs_and_its_map_answers(page, lab):
    page.goto(lab)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
    page.wait_for_function("() => document.body.innerText.includes('Idle')", timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    _every_cell_has_run(page)
    assert _outputs(page, "application/vnd.jupyter.error") == 0, page.locator(".jp-RenderedText").all_text_contents()
    assert "Right: image" in " ".join(page.locator(".jp-OutputArea-output").all_text_contents())
    figure = page.locator(".js-plotly-plot", has=page.locator(".slider-rail-touch-rect")).first
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    assert painted(figure) > 500
    seen = {}
    for share, name in ((0.0, "first"), (0.5, "middle"), (1.0, "last")):
        move_slider(page, figure, share)
        seen[slider_text(figure)] = colours(figure)
        screenshot(page, f"tour-map-{name}")
    assert len(set(seen.values())) >= 2, seen
    _other_figures_are_drawn(page)


def _every_cell_has_run(page, seconds: int = 150) -> None:
    """Wait until every code cell has its number; also of cells out of sight, so nothing has to be scrolled."""
    numbers = "Array.from(document.querySelectorAll('.jp-CodeCell .jp-InputPrompt'), p => p.textContent)"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        prompts = page.evaluate(numbers)
        if len(prompts) >= 8 and all(re.fullmatch(r"\[\d+\]:?", prompt.strip()) for prompt in prompts):
            return
        page.wait_for_timeout(500)
    screenshot(page, "tour-unfinished")
    raise AssertionError(f"not every cell has run within {seconds} s: {prompts}")


def _outputs(page, kind: str) -> int:
    return page.locator(f'.jp-OutputArea-output[data-mime-type="{kind}"]').count()


def _other_figures_are_drawn(page) -> None:
    figures = page.locator(".js-plotly-plot")
    assert figures.count() >= 5
    for i in range(figures.count()):
        figures.nth(i).scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        box = figures.nth(i).bounding_box()
        assert box["width"] > 300, f"figure {i} is {box['width']} px wide"
        assert box["height"] > 100
        screenshot(page, f"tour-figure-{i}")
    assert page.locator("path.surface").count() > 12
