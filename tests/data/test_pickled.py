"""The restricted unpickler: arrays pass, everything else is refused by name and not run."""

import collections
import os
import pickle

import numpy as np
import pytest

from workbench.data.pickled import read_array_pair


class Evil:
    """Makes a folder when it is unpickled in the usual way."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def stored(tmp_path, content, protocol=4):
    file = tmp_path / "a.pkl"
    file.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol))
    return file


def test_code_is_refused_and_does_not_run(tmp_path):
    mark = tmp_path / "made"
    with pytest.raises(ValueError, match=r"a\.pkl: .*refused posix\.mkdir|refused nt\.mkdir"):
        read_array_pair(stored(tmp_path, [np.eye(2), Evil(str(mark))]))
    assert not mark.exists()


@pytest.mark.parametrize(
    "name", ["builtins.eval", "os.system", "numpy.load", "numpy.core.multiarray.scalar", "builtins.getattr"]
)
def test_other_names_are_refused(tmp_path, name):
    module, attribute = name.rsplit(".", 1)
    with pytest.raises(ValueError, match=f"refused {name}"):
        read_array_pair(stored(tmp_path, f"c{module}\n{attribute}\n.".encode()))


def test_an_array_of_python_2_is_read(tmp_path):
    """As protocol 2 of Python 2 wrote it: bytes in the text type, numpy.core's names."""
    one = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02i2K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x04\x01\x00\xff\x00tb"
    )
    file = stored(tmp_path, one + one[2:] + b"\x86.")
    for array in read_array_pair(file):
        assert array.tolist() == [1, 255]


@pytest.mark.parametrize(
    "content",
    [np.eye(2), [np.eye(2)], {"features": np.eye(2)}, [np.eye(2), [0, 1]], [np.eye(2), np.array([{}], object)], "text"],
)
def test_anything_but_two_arrays_is_refused(tmp_path, content):
    with pytest.raises(ValueError, match="two numpy arrays"):
        read_array_pair(stored(tmp_path, content))


def test_a_subclass_of_what_is_allowed_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"refused collections\.OrderedDict"):
        read_array_pair(stored(tmp_path, collections.OrderedDict(a=1)))


@pytest.mark.parametrize("keep", [0, 1, 5, 40, -1])
def test_a_truncated_pickle_is_named(tmp_path, keep):
    whole = pickle.dumps([np.eye(4), np.arange(4)], protocol=2)
    with pytest.raises(ValueError, match=r"a\.pkl"):
        read_array_pair(stored(tmp_path, whole[:keep]))


DTYPE = b"cnumpy\ndtype\nX\x02\x00\x00\x00f4\x89\x88\x87R"
BUFFER = b"cnumpy._core.numeric\n_frombuffer\n"


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02"
        + DTYPE
        + b"(K\x03X\x01\x00\x00\x00<NJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",  # killed the process
        b"\x80\x04" + BUFFER + b"(N}X\x0c\x00\x00\x00__defaults__(K\x01K\x02tstb.",  # changed numpy for the process
        b"\x80\x04" + BUFFER + b"}X\x05\x00\x00\x00HELLOK\x01sb.",
        b"\x80\x02Nr\xff\xff\xff\x3f.",  # took 16 GB
        b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"abc",
        b"\x80\x04" + b")" + b"\x85" * 100_000 + b".",
        b"\x80\x04" + b"N" * 100_000 + b"(t" * 100_000 + b".",
        b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft\x85R.",
        b"\x80\x02]q\x00" + b"h\x00a" * 1000 + b".",
    ],
)
def test_hostile_pickles_are_refused(tmp_path, content):
    with pytest.raises(ValueError, match=r"a\.pkl: not a whole pickle"):
        read_array_pair(stored(tmp_path, content))
    assert np.frombuffer(b"\x01", np.uint8).tolist() == [1]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12, dtype=">i4").reshape(3, 4)[::2, ::-1],
        np.arange(4, dtype=np.float16).reshape(2, 2) > 1,
        np.array([["ab", "é"], ["", "c"]]),
        np.array([[b"ab", b""]]),
    ],
)
def test_every_layout_of_numbers_and_text(tmp_path, protocol, array):
    first, second = read_array_pair(stored(tmp_path, (array, array.T), protocol))
    assert np.array_equal(first, array)
    assert np.array_equal(second, array.T)
    assert first.dtype == array.dtype
