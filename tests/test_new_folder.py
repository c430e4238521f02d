"""Folders of many files: complete, or not there."""

import os

import pytest

from detect.errors import BadInput, RunFailure
from detect.new_folder import new_folder


def test_a_folder_appears_when_it_is_complete(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"first")
    (tmp_path / "link").symlink_to("a.txt")
    out = tmp_path / "new" / "out"
    with new_folder(out) as folder:
        folder.write("deep/er/b.txt", b"second")
        folder.link("a.txt", str(tmp_path / "a.txt"))
        folder.link("of_link.txt", str(tmp_path / "link"))
        assert not out.exists()
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == [
        "a.txt",
        "deep/er/b.txt",
        "of_link.txt",
    ]
    assert os.path.samefile(out / "of_link.txt", tmp_path / "a.txt")
    assert not (out / "of_link.txt").is_symlink()


def fail_halfway(path, error):
    with new_folder(path) as folder:
        folder.write("a.txt", b"")
        raise error


@pytest.mark.parametrize("error", [RunFailure("no"), KeyboardInterrupt(), OSError(28, "full")])
def test_nothing_is_left_of_a_folder_that_is_not_complete(tmp_path, error):
    expected = RunFailure if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        fail_halfway(tmp_path / "out", error)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_and_no_other(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with new_folder(out) as folder:
        folder.write("a.txt", b"a")
    with pytest.raises(BadInput, match="not an empty folder"), new_folder(out):
        pass
    with pytest.raises(BadInput, match="not an empty folder"), new_folder(out / "a.txt"):
        pass
    assert (out / "a.txt").read_bytes() == b"a"
