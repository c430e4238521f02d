"""Damaged files at every door: only errors of ours. `tools/fuzz.py` gives them many more."""

import random

import pytest
from fuzz import DOORS, Door, changed, error_of, fuzz, write_surroundings

pytestmark = pytest.mark.filterwarnings("ignore:Tag data larger than file")  # of Pillow, about a damaged TIFF


@pytest.mark.parametrize("name", DOORS)
def test_damaged_files_end_in_errors_of_ours(name):
    assert not fuzz([name], 40, seed=0)


@pytest.mark.parametrize("name", DOORS)
def test_what_is_changed_was_sound(name, tmp_path):
    """Otherwise all inputs would be refused for the same reason."""
    for seed in DOORS[name].seeds:
        write_surroundings(tmp_path)
        path = tmp_path / DOORS[name].file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(seed)
        DOORS[name].read(path)


def test_an_unexpected_error_is_found(tmp_path):
    assert error_of(Door([], "a", lambda path: {}["a"]), b"", tmp_path) == "KeyError"
    assert error_of(Door([], "a", lambda path: path.read_bytes()), b"", tmp_path) == ""


def test_equal_seeds_give_equal_inputs():
    first, again, other = (changed(b"some content", random.Random(seed)) for seed in (1, 1, 2))
    assert first == again != other
