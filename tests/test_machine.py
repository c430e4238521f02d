"""The limits of a container as Linux shows them in files, which only exist in containers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from detect import machine

LIMITS = {
    "cpu.max": {"max 100000": None, "200000 100000": 2, "150000 100000": 2, "20000 100000": 1, "": None},
    "cpu/cpu.cfs_quota_us": {"-1": None, "300000": 3},
}


@pytest.fixture
def groups(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "GROUPS", tmp_path)
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    return tmp_path


@pytest.mark.parametrize(("file", "text", "limit"), [(file, *each) for file in LIMITS for each in LIMITS[file].items()])
def test_the_share_of_a_container_limits_the_cores(groups, monkeypatch, file, text, limit):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(64), raising=False)
    assert machine.core_limit() is None
    (groups / file).write_text(text + "\n")
    assert machine.core_limit() == limit
    assert machine.cores() == (limit or 64)


def test_the_limit_of_a_container_counts_where_it_is_less_than_what_is_free(groups):
    free = machine.free_memory()
    assert free > 10**8
    (groups / "memory.max").write_text("max\n")
    (groups / "memory.current").write_text("4000000\n")
    assert machine.free_memory() > 10**8
    (groups / "memory.max").write_text("10000000\n")
    assert machine.free_memory() == 6_000_000
    (groups / "memory.current").write_text("40000000\n")
    assert machine.free_memory() == 0


def test_tensorflow_starts_as_many_threads(groups):
    (groups / "cpu.max").write_text("100000 100000\n")
    program = f"""
import pathlib
from detect import machine
machine.GROUPS = pathlib.Path({str(groups)!r})
import importlib, detect
importlib.reload(detect)
import os; print(os.environ["TF_NUM_INTRAOP_THREADS"], os.environ["TF_NUM_INTEROP_THREADS"])
"""
    others = {name: value for name, value in os.environ.items() if not name.startswith("TF_NUM_")}
    done = subprocess.run([sys.executable, "-c", program], env=others, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


def test_the_folder_of_caches_is_in_the_home_folder_by_default(monkeypatch):
    monkeypatch.setenv("DETECT_CACHE", "~/elsewhere")
    assert machine.cache_folder() == Path.home() / "elsewhere"
    monkeypatch.delenv("DETECT_CACHE")
    assert machine.cache_folder() == Path.home() / ".cache" / "detect"
