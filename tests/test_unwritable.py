"""What stopped the writing of a file is said in one sentence."""

import pytest

from detect.errors import BadInput, RunFailure
from detect.unwritable import explained


def test_libraries_have_errors_without_a_number(tmp_path):
    with pytest.raises(RunFailure, match="a cannot be written: the library says why"), explained(tmp_path / "a"):
        raise OSError("the library says why")


def test_a_library_that_does_not_say_that_the_disk_is_full(tiny_disk):
    with pytest.raises(RunFailure, match="a cannot be written: No space left"), explained(tiny_disk / "a", 200_000):
        raise RuntimeError("iostream error")
    with pytest.raises(RuntimeError, match="no such operation"), explained(tiny_disk / "a", 50_000):
        raise RuntimeError("no such operation")
    with pytest.raises(BadInput, match="explained"), explained(tiny_disk / "a", 200_000):
        raise BadInput("explained already")
