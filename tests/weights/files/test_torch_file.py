"""PyTorch's files: those that it wrote itself, the same built by hand, and those that lie."""

import contextlib
import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch_writing import Made, Named, Pickler, Stored, archive, older, pickled, tensor, zipped

from detect.errors import BadInput
from detect.weights.files.tensor_files import read_tensors

BASE = np.arange(12, dtype=np.float32).reshape(3, 4)
STATE = {  # of archive.pth and older.pth
    "whole": BASE,
    "transposed": BASE.T,
    "part": np.float32([[5, 6], [9, 10]]),
    "parameter": np.ones(2, np.float32),
    "half": np.float16([0.5, -2]),
    "brain": np.float32([1.5, -(2.0**100)]),
    "double": np.float64([0.1]),
    "count": np.int64(7),
    "byte": np.uint8([0, 255]),
    "truth": np.array([True, False]),
    "nothing": np.zeros([0, 3], np.float32),
}
MODEL = {  # in training.pth and training_older.pth
    "0.weight": np.full([2, 1, 1, 1], 0.25, np.float32),
    "0.bias": np.full(2, 0.25, np.float32),
    "1.weight": np.full(2, 0.25, np.float32),
    "1.bias": np.full(2, 0.25, np.float32),
    "1.running_mean": np.zeros(2, np.float32),
    "1.running_var": np.ones(2, np.float32),
    "1.num_batches_tracked": np.int64(0),
}
FLOATS = Named("torch", "FloatStorage")
WEIGHT = Stored("FloatStorage", "0", 6)
NUMBERS = {"0": np.arange(6, dtype=np.float32)}


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a file with a content."""

    def read_content(content: bytes, entry: str | None = None):
        (tmp_path / "weights.pth").write_bytes(content)
        return read_tensors(tmp_path / "weights.pth", entry)

    return read_content


def assert_same(found, expected) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
        assert found[name].dtype == value.dtype, name


@pytest.mark.parametrize("name", ["archive.pth", "older.pth"])
def test_all_types_that_pytorch_writes(fixtures, name):
    assert_same(read_tensors(fixtures / "pytorch" / name), STATE)


@pytest.mark.parametrize("name", ["training.pth", "training_older.pth"])
def test_a_state_dictionary_beside_the_state_of_the_training(fixtures, name):
    """With an optimizer, an `argparse.Namespace`, a number of NumPy and a set, which are not read."""
    path = fixtures / "pytorch" / name
    assert_same(read_tensors(path, "model"), MODEL)
    with pytest.raises(BadInput, match="'model' is a value of the type dict and not a tensor; it has model, optimizer"):
        read_tensors(path)
    with pytest.raises(BadInput, match="or one in an entry 'weights'"):
        read_tensors(path, "weights")
    with pytest.raises(BadInput, match=r"got an object of argparse\.Namespace, which is not read"):
        read_tensors(path, "arguments")


def test_a_file_without_the_entry_is_the_state_dictionary(fixtures):
    assert_same(read_tensors(fixtures / "pytorch" / "archive.pth", "model"), STATE)


def test_a_whole_module_is_refused_by_name(fixtures):
    with pytest.raises(BadInput, match=r"an object of torch\.nn\.modules\.container\.Sequential.*state_dict"):
        read_tensors(fixtures / "pytorch" / "module.pth", "model")


@pytest.mark.parametrize("write", [archive, older])
def test_arrays_of_all_shapes(read, write):
    random = np.random.RandomState(0)
    state = {str(rank): np.array(random.rand(*range(1, rank + 1)), np.float32) for rank in range(6)}
    assert_same(read(write(state)), state)


def test_the_other_byte_order(read):
    state, swapped = {"a": np.float32([1, 2.5])}, {"a": np.array([1, 2.5], ">f4")}
    assert_same(read(archive(swapped, byteorder=b"big")), state)
    assert_same(read(older(swapped, little_endian=False)), state)


@pytest.mark.parametrize("write", [archive, older])
@pytest.mark.parametrize("function", [("os", "mkdir"), ("builtins", "eval"), ("numpy", "load")])
def test_code_in_a_file_does_not_run(read, tmp_path, write, function):
    trap = Made(Named(*function), (str(tmp_path / "sprung"),))
    with pytest.raises(BadInput, match=rf"'weight' is an object of {function[0]}\.{function[1]}, which is not read"):
        read(write({"weight": trap}))
    assert_same(read(write({"model": {"a": BASE}, "beside": trap}), "model"), {"a": BASE})
    assert os.listdir(tmp_path) == ["weights.pth"]


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (7,), (1,)),  # longer than the storage
        (3, (2, 2), (2, 1)),  # its last value is number 6
        (6, (), ()),
        (0, (2,), (2**62,)),
        (0, (2**40,), (0,)),  # a terabyte of the same number
        (0, (7,), (0,)),
        (5, (2,), (-1,)),
        (-1, (2,), (1,)),
        (0, (-2,), (1,)),
        (0, (2, 3), (3,)),
        (0, (2.0,), (1,)),
        ("0", (2,), (1,)),
        (0, (True,), (1,)),
        (0, (1,) * 100, (1,) * 100),
        (0, (0, 2**70), (1, 1)),
    ],
)
def test_tensors_outside_their_storage_are_refused(read, offset, shape, strides):
    with pytest.raises(BadInput, match=r"weights\.pth cannot be read: a: "):
        read(archive({"a": tensor(WEIGHT, offset, shape, strides)}, NUMBERS))


def test_tensors_that_share_numbers(read):
    """A window and its neighbour overlap, which does no harm: they are only read."""
    found = read(archive({"a": tensor(WEIGHT, 1, (2, 2), (1, 1))}, NUMBERS))
    np.testing.assert_array_equal(found["a"], [[1, 2], [2, 3]])
    assert not found["a"].flags.writeable


@pytest.mark.parametrize(
    ("length", "said"),
    [(7, "fewer than its tensors need"), (2**62, "fewer"), (-1, "damaged"), (1.0, "damaged"), ("6", "damaged")],
)
def test_a_storage_longer_than_its_bytes_is_refused(read, length, said):
    with pytest.raises(BadInput, match=said):
        read(archive({"a": tensor(WEIGHT._replace(length=length), 0, (1,), (1,))}, NUMBERS))


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        (WEIGHT._replace(kind="QInt8Storage"), "tensors in a QInt8Storage are not read"),
        (WEIGHT._replace(kind="system"), "tensors in a system are not read"),
        (WEIGHT._replace(key="../0"), "its numbers, data/../0, are missing"),
        (Made(Named("os", "getcwd")), "an object of torch.Tensor without a storage"),
    ],
)
def test_other_storages_are_refused(read, storage, said):
    with pytest.raises(BadInput, match=said):
        read(archive({"a": tensor(storage, 0, (1,), (1,))}, NUMBERS))


def test_a_tensor_within_calls_without_end(read):
    """PyTorch wraps tensors with attributes in a call whose arguments are those of another call."""
    inner = (WEIGHT, 0, (6,), (1,))
    kind = Named("torch._tensor", "_rebuild_from_type_v2")
    made = Made(kind, (Named("torch._utils", "_rebuild_tensor_v2"), Named("torch", "Tensor"), inner, {}))
    np.testing.assert_array_equal(read(archive({"a": made}, NUMBERS))["a"], NUMBERS["0"])
    nested = b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\nq\x00h\x00NN\x87" + b"q\x01h\x00Nh\x01\x87" * 3000 + b"R."
    with pytest.raises(BadInput, match="its pickle is damaged"):
        read(zipped(nested, {}))


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_compressed_members_are_refused(read, compression):
    """What they hold could be a thousand times larger than the file."""
    with pytest.raises(BadInput, match=r"weights/data\.pkl in it is compressed"):
        read(archive({"a": BASE}, compression=compression))


def test_a_member_with_other_bytes_is_damaged(read, fixtures):
    content = (fixtures / "pytorch" / "archive.pth").read_bytes()
    assert content.count(BASE.tobytes()) == 1
    with pytest.raises(BadInput, match="data/0 in it is damaged"):
        read(content.replace(BASE.tobytes(), (BASE + 1).tobytes()))


def test_archives_without_checksums_are_read(read):
    """`torch.serialization.set_crc32_options(False)` writes zeros in their place."""
    content = archive({"a": BASE})
    for member in zipfile.ZipFile(io.BytesIO(content)).infolist():
        content = content.replace(member.CRC.to_bytes(4, "little"), bytes(4))
    assert_same(read(content), {"a": BASE})


def test_an_archive_of_something_else(read, tmp_path):
    np.savez(tmp_path / "arrays.npz", a=BASE)
    with pytest.raises(BadInput, match=r"expected one data\.pkl in its archive, got 0"):
        read_tensors(tmp_path / "arrays.npz")


@pytest.mark.parametrize("name", ["archive.pth", "older.pth"])
def test_every_cut_is_noticed(read, fixtures, name):
    content = (fixtures / "pytorch" / name).read_bytes()
    for end in (*range(5), *range(0, len(content), 41)):
        with pytest.raises(BadInput, match=r"weights\.pth cannot be read"):
            read(content[:end])


@given(st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_damage_raises_nothing_else(read, fixtures, data):
    name = data.draw(st.sampled_from(["archive.pth", "older.pth", "training.pth", "training_older.pth"]))
    content = bytearray((fixtures / "pytorch" / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadInput):
        read(bytes(content), "model")


def test_a_storage_that_is_not_in_the_older_file(read):
    (empty, _), (content, _) = pickled({}), pickled({"a": tensor(WEIGHT, 0, (6,), (1,))})
    with pytest.raises(BadInput, match="a: its numbers are missing"):
        read(older({}).replace(empty, content))


@pytest.mark.parametrize("keys", [["1"], [["0"]], "0", None])
def test_a_list_of_other_storages_in_the_older_format(read, keys):
    content = older({"a": NUMBERS["0"]})
    assert content.count(pickle.dumps(["0"], 2)) == 1
    with pytest.raises(BadInput, match="the list of its storages is damaged"):
        read(content.replace(pickle.dumps(["0"], 2), pickle.dumps(keys, 2)))


def test_a_part_of_a_storage_in_the_older_format(read, monkeypatch):
    """Before PyTorch 0.4 the id of a storage could name a part of another one: its key, its start and its length."""
    monkeypatch.setattr(
        Pickler,
        "persistent_id",
        lambda _, obj: ("storage", FLOATS, "0", "cpu", 6, ("view", 2, 3)) if isinstance(obj, Stored) else None,
    )
    found = read(older({"a": NUMBERS["0"]}).replace(b"K\x06\x85", b"K\x03\x85"))
    np.testing.assert_array_equal(found["a"], [2, 3, 4])
