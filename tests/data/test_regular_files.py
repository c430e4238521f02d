"""Files and parts of files."""

import os

import cv2
import numpy as np
import pytest

from detect.data.pixels.headers import read_header
from detect.data.pixels.images import read_image
from detect.data.regular_files import (
    ABSENT,
    file_of_part,
    name_of_part,
    open_regular,
    path_of_part,
    require_open,
    status_of,
    why_not_found,
)
from detect.errors import BadInput


@pytest.fixture
def part(tmp_path) -> str:
    """A part "3456" of a file "0123456789"."""
    (tmp_path / "all.bin").write_bytes(b"0123456789")
    return path_of_part(str(tmp_path / "all.bin"), 3, 4, "folder/a.txt")


def test_a_part_is_read_like_a_file(part):
    with open_regular(part) as file:
        assert file.read() == b"3456"
        assert file.read() == file.read(1) == b""
        assert file.seek(1) == file.tell() == 1
        assert (file.read(2), file.tell(), file.read(9)) == (b"45", 3, b"6")
        assert file.seek(-2, os.SEEK_END) == 2
        assert file.seek(1, os.SEEK_CUR) == 3
        assert file.seek(-9, os.SEEK_CUR) == 0
        assert file.seek(100) == 100
        assert file.read() == b""


def test_the_file_of_a_part_is_found(part, tmp_path):
    assert file_of_part(part) == (str(tmp_path / "all.bin"), 3, 4)
    assert file_of_part(tmp_path / "all.bin") is None
    assert file_of_part(tmp_path / "other.bin" / "3+4" / "a.txt") is None
    assert name_of_part(part) == "folder/a.txt"
    assert name_of_part(str(tmp_path / "other.bin" / "3+4" / "a.txt")) is None
    assert status_of(part).st_size == status_of(tmp_path / "all.bin").st_size == 10


def test_a_file_in_a_folder_with_such_a_name_is_a_file(tmp_path):
    (tmp_path / "3+4").mkdir()
    (tmp_path / "3+4" / "a.txt").write_bytes(b"whole")
    with open_regular(tmp_path / "3+4" / "a.txt") as file:
        assert file.read() == b"whole"


def test_folders_and_names_of_parts_may_look_like_places(tmp_path):
    (tmp_path / "5+6").mkdir()
    (tmp_path / "5+6" / "all.bin").write_bytes(b"0123456789")
    part = path_of_part(str(tmp_path / "5+6" / "all.bin"), 3, 4, "1+2/7+8/a.txt")
    assert name_of_part(part) == "1+2/7+8/a.txt"
    with open_regular(part) as file:
        assert file.read() == b"3456"


def test_what_is_missing_is_named(tmp_path):
    for path in (tmp_path / "a.txt", tmp_path / "3+4" / "a.txt", tmp_path / "other.bin" / "3+4" / "a.txt"):
        with pytest.raises(FileNotFoundError):
            open_regular(path)
        with pytest.raises(FileNotFoundError):
            status_of(path)


def test_images_are_read_from_parts(tmp_path):
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    encoded = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
    (tmp_path / "all.bin").write_bytes(b"xyz" + encoded + b"tail")
    path = path_of_part(str(tmp_path / "all.bin"), 3, len(encoded), "a.png")
    assert read_header(path).size == (3, 2)
    np.testing.assert_array_equal(read_image(path), pixels)
    with pytest.raises(BadInput, match=r"a\.png"):
        read_image(path_of_part(str(tmp_path / "all.bin"), 3, len(encoded) // 2, "a.png"))


@pytest.mark.parametrize("name", ["missing", "a.jpg/b.jpg", "x" * 300, "a\0b"])
def test_where_nothing_can_be_there_is_nothing(tmp_path, name):
    (tmp_path / "a.jpg").touch()
    assert why_not_found(tmp_path / name) == ABSENT


def test_a_folder_that_may_not_be_listed_or_entered_is_refused(tmp_path, permissions_bind):
    require_open(tmp_path)
    require_open(tmp_path / "missing")
    for mode in (0o300, 0o600, 0):
        tmp_path.chmod(mode)
        with pytest.raises(BadInput, match="the folder cannot be read: Permission denied"):
            require_open(tmp_path)
    tmp_path.chmod(0o700)
