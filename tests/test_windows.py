"""What Windows lacks is not needed: as far as that can be tested on another system."""

import ast
import errno
import fcntl
import importlib.util
import math
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from detect import machine
from detect.export import measuring

PACKAGE = Path(__file__).parents[1] / "detect"
# Modules and functions of `os` that only other systems have.
LACKING = {
    *("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"),
    *("chown", "fchmod", "fchown", "fork", "forkpty", "getuid", "geteuid", "killpg", "memfd_create", "mkfifo", "nice"),
    *("openpty", "pread", "pwrite", "sched_getaffinity", "sched_setaffinity", "sendfile", "setsid", "statvfs", "sync"),
    *("uname", "wait3", "wait4"),
}
# Where they are used all the same, because the code goes without them there.
USED = {
    ("data/samples/shared_memory.py", "fcntl"),
    ("data/samples/shared_memory.py", "memfd_create"),
    ("export/measuring.py", "resource"),
    ("files.py", "fcntl"),
    ("machine.py", "sched_getaffinity"),
    ("weights/download.py", "fcntl"),
}


def lacking(path: Path):
    """Names in a file that are in `LACKING`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "", *(alias.name for alias in node.names if node.module == "os"))
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os":
            yield node.attr


def test_what_windows_lacks_is_used_only_where_the_code_goes_without_it():
    found = {(path.relative_to(PACKAGE).as_posix(), name) for path in PACKAGE.rglob("*.py") for name in lacking(path)}
    assert {(file, name) for file, name in found if name in LACKING} == USED


@pytest.fixture
def on_windows(monkeypatch):
    """Load a module of the package anew, on a system that lacks what Windows lacks."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location("loaded_on_windows", PACKAGE / name)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def open_file(path, flags, *mode):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real_open(path, flags, *mode)

    def sync(descriptor):
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")

    real_open = os.open
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "open", open_file)
    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(shutil, "_use_fd_functions", False)
    for name in LACKING:
        monkeypatch.delattr(os, name, raising=False)
        monkeypatch.setitem(sys.modules, name, None)
    return load


def test_files_and_folders_are_written(on_windows, tmp_path):
    files = on_windows("files.py")
    files.write_text(tmp_path / "a.txt", "one")
    with files.whole_file(tmp_path / "a.txt", synced=True) as file:
        file.write(b"two")
    for text in ("three", "four"):
        with files.draft_folder(tmp_path / "model") as new:
            (new / "inner").mkdir()
            files.write_text(new / "inner" / "b.txt", text)
            files.deliver_folder(new, tmp_path / "model")
    assert (tmp_path / "a.txt").read_text() == "two"
    assert (tmp_path / "model" / "inner" / "b.txt").read_text() == "four"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "model"]


def test_downloads_wait_for_a_lock_of_windows(on_windows, tmp_path, monkeypatch):
    answers = [OSError(errno.EDEADLK, "Resource deadlock avoided"), None]  # Windows gives up after ten seconds
    asked = []

    def locking(descriptor, mode, count):
        asked.append((mode, count))
        if answer := answers.pop(0):
            raise answer

    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_LOCK=1))
    download = on_windows("weights/download.py")
    with download.alone(tmp_path / "cache" / "weights.pth"):
        assert asked == [(1, 1)] * 2
    answers.append(OSError(errno.EBADF, "Bad file descriptor"))
    with pytest.raises(OSError, match="Bad file"), download.alone(tmp_path / "cache" / "weights.pth"):
        pass


def test_memory_for_batches_is_that_of_the_process(on_windows):
    shared_memory = on_windows("data/samples/shared_memory.py")
    assert not shared_memory.CAN_SHARE
    buffer = shared_memory.SharedMemory().allocate(10)
    buffer.bytes[:3] = b"abc"
    assert bytes(buffer.bytes) == b"abc" + bytes(7)


def test_cores_and_memory_of_the_machine(on_windows, monkeypatch, tmp_path):
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    monkeypatch.setattr(machine, "GROUPS", tmp_path)
    assert machine.cores() == 6
    monkeypatch.setattr(Path, "read_text", refuse)
    assert machine.free_memory() == 4e9
    assert math.isnan(measuring.peak_memory())


def refuse(*_, **__):
    raise FileNotFoundError
