"""Examples: what TensorFlow writes, and by hand what else protobuf allows."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from detect.data.tf_example import Example

INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1))
FLOATS = st.lists(st.floats(width=32, allow_nan=False))


def field(number: int, content: bytes) -> bytes:
    """Return a field of a message, of fewer than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


def example(name: bytes, feature: bytes) -> bytes:
    return field(1, field(1, field(1, name) + field(2, feature)))


@given(integers=INTEGERS, floats=FLOATS, texts=st.lists(st.binary()))
def test_what_tensorflow_writes_is_read(integers, floats, texts):
    features = {
        "integers": tf.train.Feature(int64_list=tf.train.Int64List(value=integers)),
        "floats": tf.train.Feature(float_list=tf.train.FloatList(value=floats)),
        "texts": tf.train.Feature(bytes_list=tf.train.BytesList(value=texts)),
        "nothing": tf.train.Feature(),
    }
    message = tf.train.Example(features=tf.train.Features(feature=features))
    data = message.SerializeToString()
    found = Example(data)
    assert found.numbers("integers") == integers
    assert found.numbers("floats") == floats
    assert found.texts("texts") == texts
    assert [data[start:end] for start, end in found.spans("texts")] == texts
    for name in ("nothing", "missing", "texts"):
        assert found.numbers(name) == []
    assert "nothing" in found
    assert "missing" not in found


def test_numbers_that_are_not_packed():
    one = bytes([3 << 3 | 2, 4, 1 << 3, 5, 1 << 3, 7])  # a list of integers with two fields 1
    assert Example(example(b"n", one)).numbers("n") == [5, 7]
    two = bytes([2 << 3 | 2, 5, 1 << 3 | 5]) + b"\x00\x00\x80\x3f"  # one field of 32 bits
    assert Example(example(b"n", two)).numbers("n") == [1.0]


def test_the_last_of_several_features_of_a_name_counts():
    first, second = (example(b"t", field(1, field(1, text))) for text in (b"old", b"new"))
    assert Example(first + second).texts("t") == [b"new"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x0a\x05abc", "longer than its message"),
        (b"\x0b", "unknown type 3"),
        (b"\x80" * 9, "does not end"),
        (b"\x80" * 20, "does not end"),
    ],
)
def test_what_is_no_message_is_refused(data, why):
    with pytest.raises(ValueError, match=why):
        Example(data)


@given(st.binary())
def test_other_bytes_give_values_or_a_value_error(data):
    try:
        found = Example(example(b"n", data)) if len(data) < 100 else Example(data)
        found.numbers("n"), found.texts("n")
    except ValueError:
        pass
