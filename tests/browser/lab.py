"""A JupyterLab (or Notebook 7) of a test's own, and what a reader does in it: open a notebook, run all cells, look."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from figures import screenshot

ROOT = Path(__file__).resolve().parents[2]
_NEWS = {"notification.jupyterlab-settings": '{"fetchNews": "false", "checkForUpdates": false}'}
_FRONTS = {"lab": ("jupyterlab", "lab/tree"), "notebook": ("notebook", "notebooks")}  # module, address of a notebook
# The kernel has answered everything; said also of a page that has no kernel yet.
IDLE = "() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'"
_DARK = {"themes.jupyterlab-settings": '{"theme": "JupyterLab Dark"}'}


@contextmanager
def running_lab(home: Path, notebooks: dict[str, dict], *, front: str = "lab", dark: bool = False):
    """A server over these notebooks, as a function name -> address: token, free port, no settings of the user's."""
    module, path = _FRONTS[front]
    folder = home / "work"
    folder.mkdir()
    for name, notebook in notebooks.items():
        (folder / name).write_text(json.dumps(notebook), encoding="utf-8")
    try:
        with serving(
            home, folder, [sys.executable, "-m", module], f"--ServerApp.root_dir={folder}", dark=dark
        ) as address:
            yield lambda name: address(f"{path}/{name}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving(home: Path, folder: Path, command: list[str], *options: str, dark: bool = False):
    """A server that a command starts in a folder, as a function: page -> address. Options of Jupyter's follow it."""
    _write_settings(home / "lab" / "@jupyterlab" / "apputils-extension", {**_NEWS, **(_DARK if dark else {})})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    address = f"http://127.0.0.1:{port}"
    command = [*command, "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1", *options]
    command += [f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0"]
    command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    log = home / "lab.log"
    with log.open("w") as out:
        settings = {"env": _environment(home), "cwd": folder, "start_new_session": True}
        server = subprocess.Popen(command, **settings, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait_for(f"{address}/api/status?token={token}", server, log)
        yield lambda page: f"{address}/{page}?token={token}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # with what the command itself has started
        server.wait(timeout=20)


def notebook_of(*cells: str) -> dict:
    """A notebook of code cells, without outputs."""
    blank = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    made = [{**blank, "id": f"cell-{i}", "source": source} for i, source in enumerate(cells)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def run_all(page, address: str, seconds: int = 150) -> None:
    """Open a notebook, run all its cells, and see that none ended in an error."""
    open_notebook(page, address)
    start_all(page)
    _every_cell_has_run(page, seconds)
    assert _errors(page) == []


def open_notebook(page, address: str) -> None:
    """Open a notebook, and wait until its kernel does."""
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
    end = time.monotonic() + 120
    while not _joined(address):  # before that, "Run All" would only ask which kernel is meant
        assert time.monotonic() < end, "no kernel waits for the page after 120 s"
        page.wait_for_timeout(250)
    page.wait_for_timeout(500)


def _joined(address: str) -> bool:
    """Whether a page is joined to a kernel that waits. While one starts, the server may answer with an error."""
    site = urlsplit(address)
    try:
        with urllib.request.urlopen(f"{site.scheme}://{site.netloc}/api/kernels?{site.query}", timeout=10) as answer:
            kernels = json.load(answer)
    except urllib.error.HTTPError:
        return False
    return any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels)


def start_all(page) -> None:
    """Run all cells, without waiting for them."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def _errors(page) -> list[str]:
    """What cells that ended in an error have printed."""
    kind = "application/vnd.jupyter.error"
    return page.locator(f'.jp-OutputArea-output[data-mime-type="{kind}"]').all_text_contents()


def _every_cell_has_run(page, seconds: int) -> None:
    """Wait until every code cell has its number; also of cells out of sight, so nothing has to be scrolled."""
    numbers = "Array.from(document.querySelectorAll('.jp-CodeCell .jp-InputPrompt'), p => p.textContent)"
    end, prompts, still = time.monotonic() + seconds, [], 0
    while time.monotonic() < end and not _errors(page) and still < 20:  # after an error no cell is run
        prompts = page.evaluate(numbers)
        if prompts and all(re.fullmatch(r"\[\d+\]:?", prompt.strip()) for prompt in prompts):
            return
        waits = any("*" in prompt for prompt in prompts)  # none does: the error stands in a cell out of sight
        still = 0 if waits or not any(re.search(r"\d", prompt) for prompt in prompts) else still + 1
        page.wait_for_timeout(500)
    screenshot(page, "unfinished")
    raise AssertionError(f"not every cell has run, waited up to {seconds} s: {prompts} {_errors(page)}")


def _write_settings(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


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
