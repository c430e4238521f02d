"""A pool of worker processes: their memory, their errors, and how they end."""

import gc
import os
import pickle
import signal
import subprocess
import sys

import numbered_sources
import numpy as np
import pytest
from numbered_sources import (
    Dying,
    Failing,
    FailingUnpicklably,
    Numbered,
    ProcessNumbers,
    WithoutBoxes,
    process_pool,
)

from detect.data.batches.making import ALIGNMENT, BatchMaker
from detect.data.batches.padding import Overflow
from detect.data.batches.process_pool import MOST_BUFFERS, ProcessPool, pack
from detect.data.samples.shared_memory import CAN_SHARE
from detect.errors import RunFailure

pytestmark = pytest.mark.skipif(not CAN_SHARE, reason="worker processes need Linux")


@pytest.fixture
def pool_of():
    """Return a function that returns a pool; its processes end with the test."""
    pools = []

    def make(source, workers=2) -> ProcessPool:
        pools.append(process_pool(source, workers))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def is_shared(array) -> bool:
    """Return whether an array uses memory that is not NumPy's."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.base is not None


def test_a_buffer_is_free_when_no_array_uses_it(pool_of):
    pool = pool_of(Numbered())
    first = pool.make(0)
    view, place = first.indices[1:], first.images.ctypes.data
    del first
    assert pool.make(1).images.ctypes.data != place
    assert view.tolist() == [10]
    del view
    gc.collect()
    assert pool.make(2).images.ctypes.data == place


def test_many_batches_may_be_kept(pool_of):
    pool = pool_of(Numbered())
    kept = [pool.make(number).images for number in range(MOST_BUFFERS + 3)]
    assert [images[0, 0, 0, 0] for images in kept] == [*range(0, 2 * len(kept), 2)]
    assert [is_shared(images) for images in kept[-4:]] == [True, False, False, False]
    assert kept[-1].ctypes.data % ALIGNMENT == 0


def test_an_empty_array_arrives_empty(pool_of):
    batch = pool_of(WithoutBoxes()).make(3)
    assert batch.indices.tolist() == [60, 70]
    assert (batch.labels == -1).all()


def test_an_error_brings_its_trace(pool_of):
    with pytest.raises(ValueError, match="batch 1") as caught:
        pool_of(Failing()).make(1)
    assert "in example" in str(caught.value.__cause__)


def test_an_error_that_cannot_be_pickled_is_described(pool_of):
    with pytest.raises(RuntimeError, match="Unpicklable"):
        pool_of(FailingUnpicklably()).make(0)


def test_a_killed_process_is_an_error(pool_of):
    with pytest.raises(RunFailure, match=r"ended by signal 9.*cache_gigabytes"):
        pool_of(Dying()).make(0)


def test_processes_end_when_the_pool_is_closed_and_start_again_when_needed(pool_of):
    pool = pool_of(ProcessNumbers(), workers=1)
    (process,) = {*pool.make(0).indices.tolist(), *pool.make(1).indices.tolist()}
    assert process != os.getpid()
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert process not in pool.make(0).indices


def test_processes_end_with_a_parent_that_is_killed():
    """A worker inherits the parent's end of the pipe of its output, which is at its end only when both are gone."""
    program = """
import os, signal
from numbered_sources import ProcessNumbers, process_pool
process_pool(ProcessNumbers()).make(0)
print("made", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}, timeout=120)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"made\n")


def test_only_the_last_user_of_a_maker_ends_the_processes(pool_of):
    batches = BatchMaker(pool_of(ProcessNumbers(), workers=1), Overflow(5))
    with batches.in_use():
        first = int(batches.batch(0).indices[0])
        with batches.in_use():
            assert batches.batch(1).indices[0] == first
        assert batches.batch(2).indices[0] == first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_what_other_processes_cannot_import_is_not_packed(monkeypatch):
    class Local(Numbered):
        pass

    assert pack(Numbered()) is not None
    assert pack(Local()) is None
    monkeypatch.setattr(Numbered, "__module__", "__main__")
    monkeypatch.setitem(sys.modules, "__main__", numbered_sources)
    assert pickle.dumps(Numbered())
    assert pack(Numbered()) is None
