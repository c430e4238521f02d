"""Files that a run may replace: those of earlier runs, even of runs that were killed, and no others."""

import contextlib
import os

import pytest

from detect.errors import BadInput, RunFailure
from detect.files import write_text
from detect.inference.writers.output_folder import OutputFolder


def write(folder: OutputFolder, name: str, text: str, kind: str = "labels") -> None:
    path = folder.path(name, kind, "source of " + name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def killed_run(path, *names: str) -> None:
    """Write files without coming to the end, as after `kill -9`."""
    folder = OutputFolder(path)
    for name in names:
        write(folder, name, "killed")


def correct(path) -> None:
    """Change a file a minute after the run."""
    path.write_text("corrected")
    later = path.stat().st_mtime + 60
    os.utime(path, (later, later))


def test_files_of_a_killed_run_are_replaced(tmp_path):
    killed_run(tmp_path, "labels/a.txt", "labels/b.txt")
    with OutputFolder(tmp_path) as folder:
        assert folder.sources_of("labels") == {"source of labels/a.txt", "source of labels/b.txt"}
        write(folder, "labels/a.txt", "new")
    with OutputFolder(tmp_path) as folder:
        write(folder, "labels/a.txt", "newer")
        write(folder, "labels/b.txt", "newer")
    assert (tmp_path / "labels/b.txt").read_text() == "newer"


def test_what_was_changed_after_a_killed_run_is_never_replaced(tmp_path):
    killed_run(tmp_path, "a.txt", "b.txt")
    correct(tmp_path / "a.txt")
    for _ in range(2):  # the second time, another run was killed after the correction
        with OutputFolder(tmp_path) as folder, pytest.raises(BadInput, match=r"a\.txt would be replaced"):
            write(folder, "a.txt", "new")
        killed_run(tmp_path, "b.txt")
    assert (tmp_path / "a.txt").read_text() == "corrected"


def test_a_line_that_a_killed_run_left_unfinished_is_passed_over(tmp_path):
    killed_run(tmp_path, "a.txt")
    with open(tmp_path / ".detect-predict.jsonl", "a") as file:
        file.write('["b.txt", "lab')
    with OutputFolder(tmp_path) as folder:
        write(folder, "a.txt", "new")
    assert len((tmp_path / ".detect-predict.jsonl").read_text().splitlines()) == 1


def test_a_damaged_list_is_refused(tmp_path):
    for text in ("x\n", "[]\n", '["a"]\n', "3\n"):
        (tmp_path / ".detect-predict.jsonl").write_text(text)
        with pytest.raises(BadInput, match="damaged"):
            OutputFolder(tmp_path)


def test_a_name_that_is_too_long_is_a_failure_to_write(tmp_path):
    with pytest.raises(RunFailure, match=r"xxx cannot be written: File name too long\. Choose a shorter name"):
        OutputFolder(tmp_path / ("x" * 300)).path("a.jpg", "copies", "a")
    with pytest.raises(RunFailure, match="File name too long"):
        write_text(OutputFolder(tmp_path).path("x" * 300, "copies", "a"), "")


def test_a_file_is_not_a_folder_for_outputs(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"")
    with pytest.raises(BadInput, match=r"clip\.mp4 is not a folder. Give one"):
        OutputFolder(tmp_path / "clip.mp4")


def test_a_full_disk_is_one_failure(tiny_disk):
    with open(tiny_disk / "other", "wb", buffering=0) as other, contextlib.suppress(OSError):
        while True:
            other.write(bytes(4096))
    full = pytest.raises(RunFailure, match="disk cannot be written: No space left on device")
    with full, OutputFolder(tiny_disk) as folder:
        folder.path("a.jpg", "copies", "a")
    assert [path.name for path in tiny_disk.iterdir()] == ["other"]
