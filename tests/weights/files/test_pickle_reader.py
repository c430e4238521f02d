"""Pickles as data: what Python's pickler writes, and programs that are not what they seem."""

import io
import os
import pickle
import pickletools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_writing import Made, Named, pickled

from detect.weights.files import pickle_reader
from detect.weights.files.pickle_reader import Foreign, Name, read_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples() | st.tuples(inner) | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


def read(data: bytes):
    return read_pickle(io.BytesIO(data), lambda function, _: Foreign(str(function)), lambda identity: identity)


@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_is_read_as_it_was(value, protocol):
    data = pickle.dumps(value, protocol)
    if not any(instruction.name == "GLOBAL" for instruction, *_ in pickletools.genops(data)):  # old pickles of bytes
        assert read(data) == value


def test_calls_are_handed_over_with_their_arguments():
    seen = []
    data, _ = pickled([Made(Named("os", "system"), ("exit 1",)), Made(Named("builtins", "eval"), ("1", {}))])
    read_pickle(io.BytesIO(data), lambda function, arguments: seen.append((function, arguments)), lambda _: None)
    assert seen == [(Name("os", "system"), ("exit 1",)), (Name("builtins", "eval"), ("1", {}))]


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_objects_of_all_kinds_are_foreign(protocol):
    class_of = {
        0: b"(iargparse\nNamespace\np0\n(dp1\nVrate\np2\nI1\nsb.",  # INST and BUILD
        1: b"(cargparse\nNamespace\no}b.",  # OBJ
        2: b"\x80\x02cargparse\nNamespace\n)\x81}b.",  # NEWOBJ
        4: b"\x80\x04\x8c\x08argparse\x8c\x09Namespace\x93)}\x92}b.",  # STACK_GLOBAL and NEWOBJ_EX
    }
    assert read(class_of[protocol]) == Foreign("argparse.Namespace")


def test_sets_are_foreign_and_other_keys_than_texts_are_left_out():
    data = pickle.dumps({"set": {1}, "frozen": frozenset([2]), 3: "three", ("a",): 1}, 4)
    assert read(data) == {"set": Foreign("set"), "frozen": Foreign("frozenset")}


def test_nothing_runs(tmp_path):
    """Neither a call, nor a call of what a call returns, nor the state that an object is given."""
    trap = Named("os", "mkdir")
    path = str(tmp_path / "sprung")
    values = [
        Made(trap, (path,)),
        Made(Named("builtins", "getattr"), (Named("os", "path"), Made(trap, (path,)))),
        Made(Named("collections", "OrderedDict"), (), {"__setstate__": Made(trap, (path,))}),
    ]
    read(pickled(values)[0])
    returned = b"\x80\x02cbuiltins\n__import__\nX\x02\x00\x00\x00os\x85RX\x01\x00\x00\x00a\x85R."
    assert read(returned) == Foreign("builtins.__import__")  # calls what a call has returned
    assert not os.listdir(tmp_path)


def test_a_list_that_contains_itself():
    found = read(b"\x80\x02]q\x00h\x00a.")
    assert found[0] is found


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b".",  # nothing on the stack
        b"\x80\x02h\x05.",  # memory that was never written
        b"\x80\x02(.",  # a mark is not a value
        b"\x80\x02]t.",  # a tuple without a mark
        b"\x80\x02}(Va\nu.",  # a key without a value
        b"\x80\x02K\x01K\x02a.",  # appended to a number
        b"\x80\x02K\x01)R.",  # a call of a number
        b"\x80\x02cos\nsystem\nK\x01R.",  # arguments that are not a tuple
        b"\x80\x04]]\x93.",  # a name that is not a text
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",  # bytes without end
        b"\x80\x04\x8b\xff\xff\xff\x7fabc.",  # an integer without end
        b"\x80\x02X\xff\xff\xff\x7fabc.",  # a text without end
        b"\x80\x05\x97.",  # a buffer outside the pickle
        b"\x80\x02K\x01",  # no end
        b"\xff\x00\x01",
    ],
)
def test_damage_is_a_value_error(data):
    with pytest.raises(ValueError):
        read(data)


def test_a_program_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr(pickle_reader, "MOST_INSTRUCTIONS", 100)
    assert len(read(pickle.dumps(list(range(90)), 2))) == 90
    with pytest.raises(ValueError, match="more than 100 instructions"):
        read(pickle.dumps(list(range(100)), 2))


def test_deep_nesting_is_no_obstacle():
    depth = 100_000
    found = read(b"\x80\x02)" + b"\x85" * depth + b".")
    while found:
        (found,), depth = found, depth - 1
    assert depth == 0
