"""Read arrays out of a pickle without unpickling it: an own reader of the few steps that numpy writes."""

from __future__ import annotations

import codecs
import math
import pickletools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .._core.files import reading, regular_file

# Pickle's own machine is not used, not even restricted to numpy's functions: a forged state of a dtype makes numpy read
# foreign memory, and 13 bytes make the machine's memo 16 GB long.
_NUMBERS_AND_TEXT = re.compile(r"[<>|=]?[fiubSU]\d{1,9}")
_MARK = object()
_STEPS = {step.code: step for step in pickletools.opcodes}
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": (), "MARK": _MARK}
_LITERALS = re.compile("(BIN|SHORT_BIN)?(INT[12]?|STRING|BYTES8?|UNICODE8?)|LONG[14]?|BYTEARRAY8")


@dataclass
class _Name:
    """A function or class that the pickle names; it is never looked up."""

    name: str


@dataclass
class _Type:
    """A dtype: its string, and its byte order, which comes later."""

    text: str
    order: str = "="


@dataclass
class _Array:
    """An array before it is made: dtype, shape, bytes (as text where Python 2 or `_codecs.encode` made them)."""

    dtype: Any = None
    shape: Any = None
    data: Any = None
    order: str = "C"

    def make(self) -> np.ndarray:
        if not isinstance(self.dtype, _Type) or not _NUMBERS_AND_TEXT.fullmatch(self.dtype.text):
            raise ValueError("refused a dtype that is neither numbers nor text")
        if not isinstance(self.shape, tuple) or not all(type(n) is int and n >= 0 for n in self.shape):
            raise ValueError("refused a shape that is no tuple of counts")
        data = self.data.encode("latin1") if isinstance(self.data, str) else self.data
        if not isinstance(data, bytes | bytearray):
            raise ValueError("refused an array without bytes")
        dtype = np.dtype(self.dtype.text)
        if dtype.itemsize * math.prod(self.shape) != len(data):
            raise ValueError(f"expected {dtype} of shape {self.shape}, got {len(data)} bytes")
        typed = dtype.newbyteorder(">") if self.dtype.order == ">" else dtype
        return np.frombuffer(data, typed).reshape(self.shape, order="F" if self.order == "F" else "C")


def _new_dtype(text: Any, *_: Any) -> _Type:
    return _Type(str(text))


def _of_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    return _Array(dtype, shape, data, order)


# What stands for the functions that numpy writes. `_codecs.encode` is how protocol 2 writes bytes.
_CALLS: dict[str, Callable[..., Any]] = {
    "numpy.dtype": _new_dtype,
    "_codecs.encode": lambda text, _: text,
    **{f"numpy.{core}.multiarray._reconstruct": lambda *_: _Array() for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _of_buffer for core in ("core", "_core")},
}
_KNOWN = {*_CALLS, "numpy.ndarray"}


def read_array_pair(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The two arrays (features, labels) of a pickle, as the official example stores them.

    Nothing in the file is run, imported or looked up. What is read is (dtype string, shape, bytes) of each array.

    Raises:
        ValueError: the pickle names anything but numpy arrays of numbers or text, is cut off, or holds something else
            than two arrays.

    Example:
        >>> import pathlib, pickle, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "pair.pkl"
        >>> _ = file.write_bytes(pickle.dumps([np.eye(2), np.array([0, 1])], protocol=2))
        >>> [array.shape for array in read_array_pair(file)]
        [(2, 2), (2,)]
    """
    with reading(path, "pickle of two numpy arrays"), regular_file(path).open("rb") as file:
        content = _load(file, path.stat().st_size)
        if not isinstance(content, list | tuple) or [type(part) for part in content] != [_Array, _Array]:
            raise ValueError(f"expected a pickle of two numpy arrays (features, labels), got {_called(content)}")
        features, labels = (part.make() for part in content)
    return features, labels


def _called(content: Any) -> str:
    return {"_Array": "one array", "_Name": "a name", "_Type": "a dtype"}.get(type(content).__name__, "something else")


def _operations(file: BinaryIO, size: int) -> Iterator[tuple[str, Any]]:
    """Name and argument of each step up to the last."""
    while True:
        code = file.read(1).decode("latin1")
        if code not in _STEPS:
            raise ValueError(f"cut off, or no pickle: step {code!r}")
        step = _STEPS[code]
        if step.name == "STRING":  # of Python 2's protocol 0; pickletools knows ASCII only
            argument: Any = codecs.escape_decode(file.readline().strip()[1:-1])[0].decode("latin1")
        else:
            _check_length(step, file, size)
            argument = step.arg.reader(file) if step.arg is not None else None
        yield step.name, argument
        if step.name == "STOP":
            return


def _check_length(step: pickletools.OpcodeInfo, file: BinaryIO, size: int) -> None:
    """A length that the file states is believed only if that many bytes are left."""
    if step.arg is None or step.arg.name.rstrip("148") not in ("bytes", "bytearray", "unicodestring", "string", "long"):
        return
    here = file.tell()
    stated = int.from_bytes(file.read(int(step.arg.name[-1])), "little")
    file.seek(here)
    if stated > size - here:
        raise ValueError(f"{stated} bytes stated, {size - here} are left")


def _load(file: BinaryIO, size: int) -> Any:
    """What the steps leave on the stack."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for step, argument in _operations(file, size):
        if step in _CONSTANTS:
            stack.append(_CONSTANTS[step])
        elif _LITERALS.fullmatch(step):
            stack.append(argument)
        elif step in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if argument is None else argument] = stack[-1]
        elif step in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif step not in ("PROTO", "FRAME", "STOP"):
            _change(stack, step, argument)
    (content,) = stack
    return content


def _change(stack: list[Any], step: str, argument: Any) -> None:
    """A step that makes one thing out of those on the stack."""
    if step == "GLOBAL":
        stack.append(_known(argument.replace(" ", ".")))
    elif step == "STACK_GLOBAL":
        module, name = _take(stack, 2)
        stack.append(_known(f"{module}.{name}"))
    elif step in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
        stack.append(tuple(_take(stack, int(step[5:]) if step[5:] else None)))
    elif step in ("EMPTY_LIST", "LIST"):
        stack.append(_take(stack, 0 if step == "EMPTY_LIST" else None))
    elif step in ("APPEND", "APPENDS"):
        items = _take(stack, 1 if step == "APPEND" else None)
        _expect(stack[-1], list).extend(items)
    elif step == "REDUCE":
        function, arguments = _take(stack, 2)
        stack.append(_CALLS[_expect(function, _Name).name](*_expect(arguments, tuple)))
    elif step == "BUILD":
        thing, state = _take(stack, 2)
        _build(thing, _expect(state, tuple))
        stack.append(thing)
    else:
        raise ValueError(f"refused the step {step}: only plain numpy arrays are read from a pickle")


def _known(name: str) -> _Name:
    if name not in _KNOWN:
        raise ValueError(f"refused {name}: only plain numpy arrays are read from a pickle, as it could run any code")
    return _Name(name)


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"refused {type(value).__name__} in place of {kind.__name__}")
    return value


def _take(stack: list[Any], n: int | None) -> list[Any]:
    """The last n items, or those after the last mark, off the stack."""
    if n is None:
        n = next((i for i, item in enumerate(reversed(stack)) if item is _MARK), None)
        if n is None:
            raise ValueError("cut off, or no pickle: no mark")
        items = stack[len(stack) - n :]
        del stack[len(stack) - n - 1 :]
    elif n > len(stack):
        raise ValueError("cut off, or no pickle: nothing to take")
    else:
        items = stack[len(stack) - n :]
        del stack[len(stack) - n :]
    return items


def _build(thing: Any, state: tuple[Any, ...]) -> None:
    """The states that numpy writes: (version, byte order, ...) of a dtype, (version, shape, ...) of an array."""
    if isinstance(thing, _Type):
        if any(part is not None for part in state[2:5]):
            raise ValueError("refused a dtype that is neither numbers nor text")
        thing.order = str(state[1])
    else:
        _, thing.shape, thing.dtype, fortran, thing.data = state
        _expect(thing, _Array).order = "F" if fortran is True else "C"
