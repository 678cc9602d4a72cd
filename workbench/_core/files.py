"""Files that are either complete or absent, the wall around their readers, and the folder of data sets and caches."""

from __future__ import annotations

import glob
import os
import platform
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from .full_disk import naming_the_full_disk
from .names import check_path, readable

LONGEST = 255  # bytes of a file's name, on all common file systems


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path` to write to. It replaces `path` when the block succeeds; otherwise it is removed.

    The suffix is kept, because writers choose their format by it. Missing folders are made. Two processes that write
    the same file never mix: the last one to finish wins. What a killed process left is swept by the next one.

    Raises:
        ValueError: at `path` is a folder, a pipe or a device, which no file may replace: `/dev/null`, if one is root.

    Example:
        >>> import pathlib, tempfile
        >>> target = pathlib.Path(tempfile.mkdtemp()) / "a" / "x.txt"
        >>> with atomic_path(target) as part:
        ...     _ = part.write_text("whole")
        >>> target.read_text()
        'whole'
    """
    target = Path(path)
    check_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    for old in left_behind(target, target.parent):
        with suppress(OSError):  # another user's
            old.unlink()
    handle, name = tempfile.mkstemp(prefix=temporary_name(target), suffix=target.suffix, dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        with naming_the_full_disk(target, part):
            yield part

        # mkstemp makes files private, but a shared cache must stay readable. The umask can only be read by setting it.
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)

        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def temporary_name(target: Path) -> str:
    """How the names of this process's temporary files for `target` begin; `left_behind` knows them by it."""
    return f"{_mark(target)}{os.getpid()}-"


def left_behind(target: Path, home: Path) -> list[Path]:
    """Temporary files for `target` in `home` whose process, one of this machine, does not run any more.

    Example:
        >>> home = Path(tempfile.mkdtemp())
        >>> (home / temporary_name(Path("a.csv"))).touch()
        >>> left_behind(Path("a.csv"), home)  # we still run
        []
    """
    mark = _mark(target)
    found = []
    for path in home.glob(f"{glob.escape(mark)}*"):
        process = path.name.removeprefix(mark).split("-")[0]
        if process.isdecimal() and not _runs(int(process)):
            found.append(path)
    return found


def _mark(target: Path) -> str:
    """Names may be 255 bytes long, so the target's is cut: to sweep for a file of nearly the same name does no harm."""
    return f".{target.name[:40]}-{platform.node()[:60]}-"


def _runs(process: int) -> bool:
    """Whether a process of this number is there; where that cannot be asked, it is taken to be."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary folder to fill, which becomes `path` when the block succeeds; otherwise it is removed.

    Raises:
        FileExistsError: something is there already, other than an empty folder.

    Example:
        >>> target = Path(tempfile.mkdtemp(), "new")
        >>> with new_folder(target) as part:
        ...     _ = (part / "x").write_text("1")
        >>> [file.name for file in target.iterdir()]
        ['x']
    """
    target = Path(path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"path: expected a new or an empty folder, {target} is there; choose another name")
    with replaced_folder(target) as part:
        yield part
        if target.exists():
            target.rmdir()  # fails if anything has come into it meanwhile


@contextmanager
def replaced_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """`new_folder` that takes the place of what is there: a reader finds the whole old folder or the whole new one.

    Example:
        >>> target = Path(tempfile.mkdtemp())
        >>> (target / "old").touch()
        >>> with replaced_folder(target) as part:
        ...     _ = (part / "x").write_text("1")
        >>> [file.name for file in target.iterdir()]
        ['x']
    """
    target = Path(path).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in left_behind(target, target.parent):
        put_back(target, left / "old")
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=temporary_name(target), dir=target.parent) as name:
        part = Path(name, "new")
        part.mkdir()
        with naming_the_full_disk(target, part):
            yield part
        swap_folders(target, part, Path(name, "old"))


def swap_folders(target: Path, new: Path, aside: Path) -> None:
    """Rename `target`, where it is there, to `aside`, and `new` to `target`; if that fails, all is as it was.

    Example:
        >>> home = Path(tempfile.mkdtemp())
        >>> (home / "there").mkdir(), (home / "made").mkdir()
        (None, None)
        >>> swap_folders(home / "there", home / "made", home / "before")
        >>> sorted(path.name for path in home.iterdir())
        ['before', 'there']
    """
    try:
        if target.exists():  # Windows renames over nothing
            os.rename(target, aside)
        os.rename(new, target)
    except BaseException:
        put_back(target, aside)
        raise


def put_back(target: Path, aside: Path) -> None:
    """Where a swap of folders did not come to its end, the old folder goes back to its place.

    Example: see `swap_folders`.
    """
    if aside.exists() and not target.exists():
        os.rename(aside, target)


def link_groups(folder: Path, files: Iterable[str | os.PathLike[str]], groups: Iterable[str]) -> None:
    """Links to files, in a folder per group.

    Args:
        folder: where they go.
        files: to link to; a file may come more than once. Of names that are too long with a row before them the start
            is left out.
        groups: the folder's name for each file.

    Example:
        >>> home = Path(tempfile.mkdtemp())
        >>> link_groups(home, ["a/x.png", "b/x.png"], ["0", "0"])
        >>> sorted(link.name for link in (home / "0").iterdir())
        ['0_x.png', '1_x.png']
    """
    for row, (file, group) in enumerate(zip(files, groups, strict=True)):
        place = folder / group
        place.mkdir(parents=True, exist_ok=True)
        # The row goes first: files of several folders share names, and a photograph may show one person twice.
        head = f"{row}_"
        name = Path(file).name
        room = LONGEST - len(head)
        if len(raw := os.fsencode(name)) > room:
            name = raw[-room:].decode(errors="ignore")
        os.symlink(Path(file).resolve(), place / (head + name))


def regular_file(path: str | os.PathLike[str]) -> Path:
    """The path, if an ordinary file lies there. A pipe would block for ever, a device may never end.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: a folder, a pipe, a socket or a device.

    Example:
        >>> regular_file("/")
        Traceback (most recent call last):
        ValueError: /: expected an ordinary file, got a folder, a pipe, a socket or a device
    """
    file = check_path(path)  # the system takes a number, too: it is an open file's
    if not stat.S_ISREG(os.stat(file).st_mode):
        raise ValueError(f"{path}: expected an ordinary file, got a folder, a pipe, a socket or a device")
    return file


def check_replaceable(path: Path) -> None:
    """What stands where a file is to be is a file, too, if anything is.

    Raises:
        ValueError: a folder, a pipe, a socket or a device.

    Example:
        >>> check_replaceable(Path("/nothing-there"))
    """
    if path.exists():
        regular_file(path)


def check_kind(path: str | os.PathLike[str], *endings: str) -> None:
    """What a file would replace is one of its kind, by its name: features, say, nothing brings back.

    Raises:
        FileExistsError: a file of another ending is there.

    Example:
        >>> check_kind("not-there.npz", ".csv")
    """
    place = Path(path)
    if place.suffix.lower() not in endings and place.exists():
        raise FileExistsError(
            f"path: {readable(place)} is there, and no {' or '.join(endings)} file by its name; choose a name that "
            "ends so, or remove it first"
        )


@contextmanager
def reading(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Whatever goes wrong while a file is read becomes one line that names the file.

    Libraries that meet a damaged file raise what their authors did not foresee: KeyError, RecursionError, SystemError,
    zlib.error. What the system says of a file that cannot be opened stays as it is.

    Raises:
        ValueError: the file is not what it should be.
        OSError: it cannot be opened.

    Example:
        >>> with reading("a.npz", ".npz file"):
        ...     {}["X"]
        Traceback (most recent call last):
        ValueError: a.npz: not a whole .npz file: KeyError: 'X'
    """
    try:
        yield
    except Exception as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from None
        if isinstance(error, OSError) and error.filename is not None:
            raise
        text = " ".join(str(error).split())
        if isinstance(error, ValueError) and str(path) in str(error) and "\n" not in str(error):
            raise  # ours: it names the file
        if "allow_pickle" in text:  # numpy advises to load it all the same
            raise ValueError(f"{path}: not a whole {what}: it is another kind, or holds Python objects") from None
        plain = isinstance(error, (ValueError, OSError)) and text
        reason = text if plain else f"{type(error).__name__}: {text}".rstrip(": ")
        raise ValueError(f"{path}: not a whole {what}: {_cut(reason)}") from error


@contextmanager
def naming_file(
    path: str | os.PathLike[str], kind: type[Exception] | tuple[type[Exception], ...] = (ValueError, TypeError)
) -> Iterator[None]:
    """What turns out to be wrong with a file's content after it was read names the file, too.

    Args:
        path, kind: of the file, and of errors that can come of its content alone.

    Raises:
        ValueError: as it came where it names the file, else with the file before it.

    Example:
        >>> with naming_file("said.csv"):
        ...     raise TypeError("row: expected an integer")
        Traceback (most recent call last):
        ValueError: said.csv: row: expected an integer
    """
    try:
        yield
    except kind as error:
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        raise ValueError(f"{path}: {error}") from error


def was_interrupted(error: BaseException) -> bool:
    """Whether this is Ctrl-C: compiled code that it meets raises SystemError in its place.

    Example:
        >>> was_interrupted(KeyboardInterrupt()), was_interrupted(SystemError())
        (True, False)
    """
    if isinstance(error, SystemError):
        error = error.__cause__ or error.__context__ or error
    return isinstance(error, KeyboardInterrupt)


def _cut(text: str, most: int = 300) -> str:
    """Some libraries quote the whole file."""
    return text if len(text) <= most else f"{text[:most]} ..."


def data_home(path: str | os.PathLike[str] | None = None) -> Path:
    """Where data sets and caches live: `path`, else the environment's WORKBENCH_DATA, else the user's cache folder.

    Raises:
        TypeError: `path` is neither a text nor a path.

    Example:
        >>> data_home("/tmp/wb").as_posix()
        '/tmp/wb'
    """
    if path is not None:
        check_path(path)
    chosen = path or os.environ.get("WORKBENCH_DATA") or platformdirs.user_cache_dir("hilander-workbench")
    return Path(chosen).expanduser()
