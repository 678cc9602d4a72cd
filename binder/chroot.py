"""The steps of the Dockerfile in a clean Debian root, for machines without Docker: it shows that they work, no more.

    sudo python3 binder/chroot.py ROOT [--bind DIR ...]

Debian 12 stands in for the image `python:3.11-slim` (debootstrap makes it in ROOT, a new folder), an environment for
that image's Python. RUN, COPY, ENV, WORKDIR and USER are carried out as they are written; then CMD is started and
asked for its first page. `--bind`: folders of this machine that pip's settings name (PIP_* is passed on). Nothing
outside ROOT is changed; what is mounted there is taken away at the end.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
PYTHON = "/usr/local/python"  # what the image has in /usr/local
MOUNTS = ("/proc", "/dev", "/etc/resolv.conf", "/etc/ssl/certs")
PORT = 8899


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """(name, rest) of each, lines that go on joined."""
    lines = re.sub(r"\\\n", "", dockerfile).splitlines()
    found = [line.partition(" ") for line in lines if line.strip() and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in found]


class Root:
    """A Debian root in which the instructions are carried out, one after another."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.folder = "/"
        self.user = "root"
        self.env = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        self.env |= {"PATH": f"{PYTHON}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

    def command(self, line: str) -> list[str]:
        """To run a line of shell inside, where and as who it is due."""
        settings = [f"{name}={value}" for name, value in self.env.items()]
        home = "/root" if self.user == "root" else f"/home/{self.user}"
        who = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups"]
        inside = ["env", "-i", f"HOME={home}", *settings, *who, "sh", "-c", f"cd {shlex.quote(self.folder)} && {line}"]
        return ["chroot", str(self.place), *inside]

    def run(self, line: str) -> None:
        print(f"-- {line}", flush=True)
        subprocess.run(self.command(line), check=True)

    def copy(self, rest: str) -> None:
        """Files that git knows, as `COPY --chown=USER SOURCE ... TARGET`."""
        options, names = [], []
        for word in shlex.split(rest):
            (options if word.startswith("--") else names).append(word)
        *sources, target = names
        inside = Path(self.folder, target)
        # A folder's content goes into the target, a file under its own name or, named alone, under the target's.
        known = subprocess.run(["git", "ls-files", "-z", "--", *sources], cwd=HERE, check=True, capture_output=True)
        for name in filter(None, known.stdout.decode().split("\0")):
            alone = len(sources) == 1 and name == sources[0] and not target.endswith("/")
            path = inside if alone else inside / (name if sources == ["."] else Path(name).name)
            out = self.place / path.relative_to("/")
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes((HERE / name).read_bytes())
        for option in options:
            self.run(f"chown -R {option.removeprefix('--chown=')} {shlex.quote(str(inside))}")

    def follow(self, name: str, rest: str) -> None:
        if name == "RUN":
            self.run(rest)
        elif name == "COPY":
            self.copy(rest)
        elif name == "ENV":
            self.env |= dict(word.split("=", 1) for word in shlex.split(rest))
        elif name == "WORKDIR":
            self.folder = rest
            (self.place / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "USER":
            self.user = rest
        elif name not in ("FROM", "EXPOSE", "CMD"):
            raise SystemExit(f"Dockerfile: {name} is not known here")

    def answers(self, words: list[str]) -> None:
        """CMD, started as in the image; its first page must come."""
        line = shlex.join([*words, f"--port={PORT}", "--IdentityProvider.token=t"])
        server = subprocess.Popen(self.command(f"exec {line}"))
        try:
            page = _page(f"http://127.0.0.1:{PORT}/lab/tree/START.ipynb?token=t")
            kernels = _page(f"http://127.0.0.1:{PORT}/api/kernelspecs?token=t")
        finally:
            server.terminate()
            server.wait()
        assert "JupyterLab" in page, page[:500]
        assert "python3" in kernels, kernels


def _page(address: str) -> str:
    until = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(address) as answer:
                return answer.read().decode()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--bind", metavar="DIR", action="append", default=[])
    given = parser.parse_args()
    place = given.root.resolve()
    if place.exists():
        sys.exit(f"{place} is there already; name a new folder")

    packages = "ca-certificates,python3,python3-venv"
    subprocess.run(["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(place)], check=True)
    mounted = []
    try:
        for source in (*MOUNTS, *given.bind):
            target = place / source.lstrip("/")
            if Path(source).is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.touch()
            subprocess.run(["mount", "--bind", source, str(target)], check=True)
            mounted.append(target)

        root = Root(place)
        root.run(f"python3 -m venv {PYTHON}")
        steps = instructions((HERE / "Dockerfile").read_text(encoding="utf-8"))
        for name, rest in steps:
            root.follow(name, rest)
        root.run("python -m workbench info")
        root.answers(json.loads(dict(steps)["CMD"]))
        print("every step of the Dockerfile worked, and JupyterLab shows its first page")
    finally:
        for target in reversed(mounted):
            subprocess.run(["umount", str(target)], check=True)


if __name__ == "__main__":
    main()
