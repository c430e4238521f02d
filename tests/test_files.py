"""Files and folders appear complete or not at all, and what they replace is what the user meant."""

import contextlib
import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from detect.errors import BadInput, RunFailure
from detect.files import (
    Draft,
    GrowingText,
    deliver_folder,
    draft_folder,
    is_free,
    previous,
    replaces,
    require_own,
    whole_file,
    whole_path,
    write_bytes,
    write_text,
)

FULL = Path("/dev/full")  # a device that is always full
ADVICE = "Free some space or choose a place that you may write to."


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_process_of_its_own(code: str, **options) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, **options)


@contextlib.contextmanager
def interrupted_by(error: BaseException):
    with contextlib.suppress(type(error)):
        yield


@pytest.fixture
def umask():
    """Sets the umask of this process until the end of the test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def fill(way: str, path: Path, content: str) -> None:
    """Write a file in one of the ways that there are."""
    if way == "text":
        write_text(path, content)
    elif way == "bytes":
        write_bytes(path, content.encode())
    elif way == "open file":
        with whole_file(path, synced=True) as file:
            file.write(content.encode())
    elif way == "path":
        with whole_path(path) as draft:
            draft.write_text(content)
    else:
        with GrowingText(path) as text:
            text.write(content)


@pytest.fixture(params=["text", "bytes", "open file", "path", "growing"])
def way(request) -> str:
    return request.param


def test_a_new_file_in_a_new_folder(way, tmp_path):
    fill(way, tmp_path / "a" / "b" / "ü.txt", "ä\n")
    assert (tmp_path / "a" / "b" / "ü.txt").read_bytes() == b"\xc3\xa4\n"
    assert names(tmp_path / "a" / "b") == ["ü.txt"]


def test_an_old_file_is_replaced(way, tmp_path):
    (tmp_path / "a").write_text("old, and longer")
    fill(way, tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"
    assert names(tmp_path) == ["a"]


def test_modes_follow_the_umask(way, tmp_path, umask):
    umask(0o027)
    fill(way, tmp_path / "new" / "a", "x")
    assert stat.S_IMODE((tmp_path / "new" / "a").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o750


def test_the_longest_name(way, tmp_path):
    fill(way, tmp_path / ("n" * 251 + ".txt"), "x")
    assert (tmp_path / ("n" * 251 + ".txt")).read_text() == "x"


def test_a_link_to_a_file_stays_and_leads_to_the_new_content(way, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "target").write_text("old")
    (tmp_path / "link").symlink_to(Path("far") / "target")
    (tmp_path / "second").symlink_to("link")
    fill(way, tmp_path / "second", "new")
    assert os.readlink(tmp_path / "second") == "link"
    assert os.readlink(tmp_path / "link") == "far/target"
    assert (tmp_path / "far" / "target").read_text() == "new"
    assert names(tmp_path / "far") == ["target"]


def test_a_link_to_nothing_gets_its_target(way, tmp_path):
    (tmp_path / "link").symlink_to(Path("far") / "target")
    fill(way, tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "target").read_text() == "new"


def test_links_that_lead_round_in_a_circle(way, tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(RunFailure, match=rf"{tmp_path}/a cannot be written: Too many levels of symbolic links"):
        fill(way, tmp_path / "a", "new")
    assert names(tmp_path) == ["a", "b"]


def test_a_pipe_is_written_to(way, tmp_path):
    pipe, received = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()
    if way == "open file":  # which cannot be synced: a pipe has no disk
        fill("bytes", pipe, "content")
    else:
        fill(way, pipe, "content")
    reader.join()
    assert received == ["content"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


def test_a_full_device_stays_a_device(way):
    if not (FULL.exists() and stat.S_ISCHR(FULL.stat().st_mode)):
        pytest.skip("needs /dev/full")
    before = FULL.stat()
    with pytest.raises(RunFailure) as failure:
        fill(way, FULL, "content")
    assert str(failure.value) == f"/dev/full cannot be written: No space left on device. {ADVICE}"
    after = FULL.stat()
    assert (after.st_ino, after.st_mode, after.st_rdev) == (before.st_ino, before.st_mode, before.st_rdev)


def test_a_socket_is_not_replaced(way, tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(RunFailure, match="socket cannot be written"):
            fill(way, tmp_path / "socket", "content")
    assert stat.S_ISSOCK((tmp_path / "socket").stat().st_mode)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_an_open_file_of_a_process_is_not_replaced(way, tmp_path):
    """What `--json /dev/stdout > FILE` names is the file that the shell has opened."""
    with open(tmp_path / "output", "w") as output:
        (tmp_path / "stdout").symlink_to(f"/proc/self/fd/{output.fileno()}")
        fill(way, tmp_path / "stdout", "content")
        assert os.fstat(output.fileno()).st_nlink == 1
    assert (tmp_path / "output").read_text() == "content"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("way", ["text", "bytes", "growing"])
def test_an_open_file_is_written_on_from_where_it_is(way, tmp_path):
    with (tmp_path / "log").open("wb", buffering=0) as output:
        (tmp_path / "stdout").symlink_to(f"/proc/self/fd/{output.fileno()}")
        output.write(b"before, ")
        fill(way, tmp_path / "stdout", "content")
        output.write(b", after")
    assert (tmp_path / "log").read_bytes() == b"before, content, after"


def test_a_folder_is_not_replaced_by_a_file(way, tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(RunFailure, match=r"a cannot be written: Is a directory\. Give the name of a file"):
        fill(way, tmp_path / "a", "content")
    assert names(tmp_path) == ["a"]


def test_a_file_is_not_a_folder(way, tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(RunFailure, match="b cannot be written: Not a directory"):
        fill(way, tmp_path / "a" / "b", "content")
    assert (tmp_path / "a").read_text() == "old"


def test_a_full_disk_leaves_what_was_there(way, tiny_disk):
    (tiny_disk / "a").write_text("old")
    with pytest.raises(RunFailure) as failure:
        fill(way, tiny_disk / "a", "x" * 200_000)
    room = " (0.2 MB are wanted, 0.1 MB are free)" if way in ("text", "bytes") else ""  # where the size is known before
    assert str(failure.value) == f"{tiny_disk}/a cannot be written: No space left on device{room}. {ADVICE}"
    assert (tiny_disk / "a").read_text() == "old"
    assert names(tiny_disk) == ["a"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_place_that_refuses_leaves_what_was_there(way, tmp_path, monkeypatch, number):
    (tmp_path / "a").write_text("old")

    def refuse(*_):
        raise OSError(number, "")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(RunFailure, match=f"a cannot be written: {os.strerror(number)}"):
        fill(way, tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), BadInput("x")])
def test_a_failure_in_the_middle_leaves_what_was_there(tmp_path, error):
    (tmp_path / "a").write_text("old")
    with interrupted_by(error), whole_file(tmp_path / "a") as file:
        file.write(b"half")
        raise error
    with interrupted_by(error), whole_path(tmp_path / "a") as draft:
        draft.write_text("half")
        raise error
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_only_what_asks_for_it_waits_for_the_disk(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    write_text(tmp_path / "a", "x")
    assert synced == []
    with whole_file(tmp_path / "b", synced=True) as file:
        file.write(b"x")
    assert len(synced) == 1
    assert Path(synced[0]).parent == tmp_path


def test_two_drafts_of_one_file(tmp_path):
    first, second = Draft(tmp_path / "a"), Draft(tmp_path / "a")
    first.path.write_text("first")
    second.path.write_text("second")
    second.deliver()
    assert (tmp_path / "a").read_text() == "second"
    first.deliver()
    assert (tmp_path / "a").read_text() == "first"
    assert names(tmp_path) == ["a"]


def test_without_locks_files_are_written_all_the_same(way, tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    fill(way, tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"
    assert names(tmp_path) == ["a"]


WAITING = """
import sys
from detect.files import Draft, GrowingText, draft_folder
with draft_folder("model") as new, GrowingText("table.csv") as text:
    (new / "weights").write_text("half")
    text.write("half")
    draft = Draft("video.mp4")
    print("written", flush=True)
    sys.stdin.read()
"""
NEXT_RUN = "from detect.files import write_text; write_text('other', 'x')"


def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_of_a_living_one(tmp_path):
    process = in_process_of_its_own(WAITING, cwd=tmp_path, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "written\n"
    hidden = names(tmp_path)
    assert len(hidden) == 3
    assert all(name.startswith(".detect-") for name in hidden)
    assert in_process_of_its_own(NEXT_RUN, cwd=tmp_path).wait() == 0
    assert names(tmp_path) == [*hidden, "other"]
    process.kill()
    process.wait()
    assert in_process_of_its_own(NEXT_RUN, cwd=tmp_path).wait() == 0
    assert names(tmp_path) == ["other"]
    process.stdin.close()
    process.stdout.close()


# Text that is written bit by bit


def test_growing_text_has_its_name_only_when_it_is_complete(tmp_path):
    with GrowingText(tmp_path / "a.csv", ending="end\n") as text:
        text.write("one\n")
        assert all(name.startswith(".") for name in names(tmp_path))
    assert (tmp_path / "a.csv").read_text() == "one\nend\n"


def test_names_that_are_not_utf8_are_written_as_they_are(tmp_path):
    with GrowingText(tmp_path / "a.csv") as text:
        text.write("b\udcff\n")
    assert (tmp_path / "a.csv").read_bytes() == b"b\xff\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError()])
def test_interrupted_text_is_kept_as_partial_until_a_later_run_completes_it(tmp_path, error):
    (tmp_path / "a.csv").write_text("old")
    with interrupted_by(error), GrowingText(tmp_path / "a.csv", ending="end\n") as text:
        text.write("one\n")
        raise error
    assert names(tmp_path) == ["a.csv", "a.partial.csv"]
    assert (tmp_path / "a.csv").read_text() == "old"
    assert (tmp_path / "a.partial.csv").read_text() == "one\nend\n"
    fill("growing", tmp_path / "a.csv", "new")
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("error", [BadInput("no such source"), RunFailure("the disk is full")])
def test_an_explained_failure_leaves_no_text(tmp_path, error):
    with interrupted_by(error), GrowingText(tmp_path / "a.csv") as text:
        text.write("one\n")
        raise error
    assert names(tmp_path) == []


def test_a_disk_that_is_full_at_the_interruption(tiny_disk):
    with pytest.raises(RunFailure, match="No space left"), GrowingText(tiny_disk / "a.csv", ending="x" * 200_000):
        raise KeyboardInterrupt
    assert names(tiny_disk) == []


# Folders


def put(folder: Path, content: str) -> None:
    with draft_folder(folder) as new:
        (new / "deep").mkdir()
        write_text(new / "deep" / "a", content)
        deliver_folder(new, folder)


def test_a_folder_appears_and_is_replaced(tmp_path):
    for content in ("old", "new"):
        put(tmp_path / "b" / "model", content)
        assert (tmp_path / "b" / "model" / "deep" / "a").read_text() == content
        assert names(tmp_path / "b") == ["model"]


def test_folders_follow_the_umask(tmp_path, umask):
    umask(0o002)
    put(tmp_path / "model", "x")
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o775
    assert stat.S_IMODE((tmp_path / "model" / "deep" / "a").stat().st_mode) == 0o664


def test_a_link_to_a_folder_stays(tmp_path):
    (tmp_path / "far" / "old").mkdir(parents=True)
    (tmp_path / "link").symlink_to(Path("far") / "old")
    put(tmp_path / "link", "new")
    assert os.readlink(tmp_path / "link") == "far/old"
    assert (tmp_path / "far" / "old" / "deep" / "a").read_text() == "new"
    assert names(tmp_path / "far") == ["old"]
    assert previous(tmp_path / "link") == tmp_path / "far" / "old.previous"


def test_a_folder_that_is_not_delivered_is_removed(tmp_path):
    put(tmp_path / "model", "old")
    with interrupted_by(KeyboardInterrupt()), draft_folder(tmp_path / "model") as new:
        write_text(new / "a", "half")
        raise KeyboardInterrupt
    assert names(tmp_path) == ["model"]
    assert (tmp_path / "model" / "deep" / "a").read_text() == "old"


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one(tmp_path, monkeypatch):
    put(tmp_path / "model", "old")
    rename = Path.rename

    def refuse_the_name(path, target):
        if path.name == Path(target).name == "model":
            raise OSError(errno.EIO, "")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse_the_name)
    with pytest.raises(RunFailure, match="model cannot be written: Input/output error"):
        put(tmp_path / "model", "new")
    assert names(tmp_path) == ["model"]
    assert (tmp_path / "model" / "deep" / "a").read_text() == "old"


def test_all_of_a_folder_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    put(tmp_path / "model", "x")
    *inside, parent = [Path(path) for path in synced]
    assert parent == tmp_path
    assert {path.parts[-2:] for path in inside[:-1]} == {("model", "deep"), ("deep", "a")}
    assert inside[-1].name == "model"
    assert inside[-1].parent != tmp_path


def test_a_full_disk_names_the_folder_and_not_its_draft(tiny_disk):
    put(tiny_disk / "model", "old")
    with pytest.raises(RunFailure, match=f"^{tiny_disk}/model/deep/a cannot be written: No space left"):
        put(tiny_disk / "model", "x" * 200_000)
    assert (tiny_disk / "model" / "deep" / "a").read_text() == "old"
    assert names(tiny_disk) == ["model"]


def test_a_folder_beside_which_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFailure, match="model cannot be written: Not a directory"):
        put(tmp_path / "file" / "model", "x")


def test_the_file_that_is_replaced_may_be_kept(tmp_path):
    for content in (b"1", b"2", b"3"):
        with whole_file(tmp_path / "last", synced=True, kept=tmp_path / "previous") as file:
            file.write(content)
    assert [(tmp_path / name).read_bytes() for name in names(tmp_path)] == [b"3", b"2"]
    with pytest.raises(ValueError, match="no"), whole_file(tmp_path / "last", kept=tmp_path / "previous"):
        raise ValueError("no")
    assert [(tmp_path / name).read_bytes() for name in names(tmp_path)] == [b"3", b"2"]


def test_what_may_be_replaced(tmp_path):
    assert is_free(tmp_path / "missing", "mark")
    assert is_free(tmp_path, "mark")
    (tmp_path / "something").write_text("")
    assert not is_free(tmp_path, "mark")
    (tmp_path / "mark").write_text("")
    assert is_free(tmp_path, "mark")
    assert not is_free(tmp_path / "something", "mark")


def test_files_of_another_kind_are_recognised_by_their_beginning(tmp_path):
    for name, content in (("own", "a,b\n1,2"), ("empty", ""), ("other", "text")):
        (tmp_path / name).write_text(content)
    for name in ("own", "empty", "missing", "/dev/null"):
        require_own(tmp_path / name, lambda text: text.startswith("a,"), "a table")
    with pytest.raises(BadInput, match="other would be replaced, but it is not a table"):
        require_own(tmp_path / "other", lambda text: text.startswith("a,"), "a table")
    assert [replaces(tmp_path / name) for name in ("own", "empty", "missing", "/dev/null", ".")] == [True] + 4 * [False]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "other", "own"]


def test_where_nothing_can_be_written_is_known_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    for name, reason in ((".", "Is a directory"), ("file/x", "Not a directory"), ("x" * 300, "File name too long")):
        with pytest.raises(RunFailure, match=reason):
            require_own(tmp_path / name, str.isalpha, "a word")
