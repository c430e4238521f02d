"""What stopped the writing of a file is said in one sentence."""

import errno
import os
import re

import pytest

from detect.errors import BadInput, RunFailure
from detect.unwritable import explained, unwritable


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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_where_there_is_no_room_the_size_is_said(tmp_path, number):
    failure = unwritable(tmp_path / "a", OSError(number, ""), 12_345_678)
    reason = re.escape(os.strerror(number))
    assert re.search(rf"a cannot be written: {reason} \(12\.3 MB are wanted, [0-9.]+ MB are free\)\. ", str(failure))
    assert "wanted" not in str(unwritable(tmp_path / "a", OSError(number, "")))
    assert "wanted" not in str(unwritable(tmp_path / "a", OSError(errno.EACCES, ""), 12_345_678))
