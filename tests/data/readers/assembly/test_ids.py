import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.data.readers.assembly.ids import NO_NUMBER, Keys, key, key_column


@pytest.mark.parametrize("value", [7, 7.0, "7", "7.0", " 7\n"])
def test_a_number_is_one_key_however_it_is_written(value):
    assert key(value) == 7
    assert type(key(value)) is int


@pytest.mark.parametrize("value", [0, -3, 2**63 - 1, -(2**62)])
def test_integers_of_64_bits_are_keys_in_both_forms(value):
    assert key(value) == key(str(value)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"),
        (" a.jpg ", "a.jpg"),
        ("007", "007"),
        ("7.5", "7.5"),
        ("٣", "٣"),
        (2**63, str(2**63)),
        (2**80, str(2**80)),
    ],
)
def test_other_texts_are_keys_of_their_own(value, expected):
    assert key(value) == expected
    assert key(str(expected)) == expected


@pytest.mark.parametrize(
    "value", [None, True, False, 7.5, float("nan"), float("inf"), "", "  ", "a\0", "\ud800", "x" * 257, [7], {"id": 7}]
)
def test_what_cannot_be_an_id(value):
    assert key(value) is None
    assert Keys().number(value) == NO_NUMBER


@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.lists(st.integers(), max_size=2)))
@settings(deadline=None)
def test_a_key_is_the_same_as_its_text(value):
    stated = key(value)
    if stated is not None:
        assert key(str(stated)) == stated
        keys = Keys()
        assert keys.key(keys.number(value)) == stated


def test_keys_are_numbers_and_back():
    keys = Keys()
    values = [7, "b", "7", "a", 2**80, "b", -1.0]
    numbers = np.array([keys.number(value) for value in values])
    assert [keys.key(number) for number in numbers.tolist()] == [7, "b", 7, "a", str(2**80), "b", -1]
    assert numbers[1] == numbers[5] != numbers[3]
    assert keys.column(numbers).tolist() == ["7", "b", "7", "a", str(2**80), "b", "-1"]
    assert keys.column(numbers[[0, 2, 6]]).tolist() == [7, 7, -1]


def test_a_column_is_of_one_type():
    assert key_column([3, 1]).dtype == np.int64
    assert key_column([3, "a"]).tolist() == ["3", "a"]
    assert key_column([]).dtype == np.int64
