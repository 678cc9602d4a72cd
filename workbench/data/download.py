"""Fetch a file once: resumed where a transfer broke off, checked, and put in place whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

ATTEMPTS = 3
CHUNK = 1 << 16
TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True)
class Remote:
    """A file on the web, known by its checksum.

    Attributes:
        url: where it is.
        checksum: as published: MD5 (32 hex digits) or SHA-256 (64); "": none is, so nothing is checked.
        size: bytes; 0: not known.
        file: its name here; "": the last part of `url`.

    Example:
        >>> Remote("https://example.org/a/images.zip", "0" * 32, 10).name
        'images.zip'
    """

    url: str
    checksum: str = ""
    size: int = 0
    file: str = ""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file or self.url.rsplit("/", 1)[-1]

    @property
    def kind(self) -> str:
        """Of the checksum."""
        return "MD5" if len(self.checksum) == 32 else "SHA-256"


def fetch(remote: Remote, folder: str | os.PathLike[str], *, progress: bool = True) -> Path:
    """The file in `folder`, downloaded unless it is there; what a broken transfer left is resumed.

    The bytes go to `NAME.part` and take the name only once size and checksum hold.

    Raises:
        PermissionError: `folder` cannot be written to; names the file, the folder and what to do.
        ConnectionError: no network, or the server kept breaking off; names the file and where to put it by hand.
        ValueError: the file in `folder`, or what the server sent, has another checksum.

    Example:
        >>> import hashlib, tempfile
        >>> here = Path(tempfile.mkdtemp())
        >>> source = here / "source.txt"; _ = source.write_bytes(b"ink")
        >>> remote = Remote(source.as_uri(), hashlib.md5(b"ink").hexdigest(), 3)
        >>> fetch(remote, here / "copy", progress=False).read_bytes()
        b'ink'
    """
    target = Path(folder) / remote.name
    if not target.exists():
        _make_room(remote, target)
        _download(remote, target, progress)
    check_checksum(target, remote)
    return target


def check_checksum(path: Path, remote: Remote) -> None:
    """Refuse a file whose checksum is not the published one.

    Raises:
        ValueError: names the file, both checksums and what to do.
    """
    if not remote.checksum:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, remote.kind.replace("-", "").lower()).hexdigest()
    if found != remote.checksum:
        raise ValueError(
            f"{path}: expected {remote.kind} {remote.checksum}, got {found} ({path.stat().st_size} of "
            f"{remote.size or 'unknown'} bytes); delete it and load again, or fetch {remote.url} anew"
        )


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _make_room(remote: Remote, target: Path) -> None:
    """The folder of `target`, made if it is not there, and the right to write to it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _part(target).open("ab"):
            pass
    except OSError as error:
        raise PermissionError(
            f"{remote.name}: not there, and {target.parent} cannot be written to ({error.strerror}); set "
            f"WORKBENCH_DATA to a folder of your own, or have {remote.url} put at {target} by someone who may"
        ) from error


def _download(remote: Remote, target: Path, progress: bool) -> None:
    part = _part(target)
    reason: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            if _transfer(remote, part, progress):
                break
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = error
    else:
        raise ConnectionError(
            f"could not download {remote.name}: {reason or 'the server broke off'}. Load again to resume, or fetch "
            f"{remote.url} elsewhere ({remote.kind} {remote.checksum or 'not published'}) and put it at {target}"
        ) from reason
    try:
        check_checksum(part, remote)
    except ValueError:
        part.unlink()  # wrong bytes must not be resumed
        raise
    os.replace(part, target)


def _transfer(remote: Remote, part: Path, progress: bool) -> bool:
    """Append what is missing of `part`; True once the server has nothing more to give."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(remote.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if have and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return True  # all bytes are there: an earlier run ended before it could check them
        raise
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            have = 0  # a server that ignores the range starts anew
        total = have + int(response.headers.get("Content-Length", remote.size - have))
        bar = tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=remote.name, disable=not progress)
        with part.open("ab" if have else "wb") as file, bar:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    return part.stat().st_size >= total
