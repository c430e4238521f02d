"""Batches made by several threads or processes, without TensorFlow."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass

import numpy as np
import pytest

from detect.data.batches.making import ALIGNMENT, BatchMaker, Threads, aligned
from detect.data.batches.padding import Overflow
from detect.data.batches.processes import MOST_LENT, Processes, pack
from detect.data.samples.shared import CAN_SHARE
from detect.errors import RunFailure
from detect.structures import Example

LARGEST = (4, 4)  # canvas
processes_only = pytest.mark.skipif(not CAN_SHARE, reason="worker processes need Linux")


@dataclass(frozen=True)
class Numbered:
    """Examples whose pixels, boxes and labels tell their numbers; as many boxes as that."""

    batch_size: int = 2
    dtype: type = np.uint8

    def canvas(self, batch):
        return (2, 3)

    def example(self, batch, row, canvas):
        sample = batch * self.batch_size + row
        canvas.fill(sample)
        boxes = np.full((sample, 4), sample, np.float32)
        return Example(canvas, boxes, np.full(sample, sample, np.int32), np.ones(sample, bool)), 10 * sample

    def padding_seed(self, batch, row):
        return batch, row


class Together(Numbered):
    both = threading.Barrier(2, timeout=60)

    def example(self, batch, row, canvas):
        self.both.wait()
        return super().example(batch, row, canvas)


class Failing(Numbered):
    def example(self, batch, row, canvas):
        raise ValueError(f"batch {batch}")


class Odd(Exception):
    """It is pickled, but not back again."""

    def __init__(self, one, two):
        super().__init__(one + two)


class FailingOddly(Numbered):
    def example(self, batch, row, canvas):
        raise Odd("o", "dd")


class Dying(Numbered):
    def example(self, batch, row, canvas):
        os.kill(os.getpid(), signal.SIGKILL)


class Telling(Numbered):
    """Its index is the number of the process."""

    def example(self, batch, row, canvas):
        return super().example(batch, row, canvas)[0], os.getpid()


def processes_of(rows, workers=2, max_boxes=5) -> Processes:
    packed = pack(rows)
    assert packed is not None
    return Processes(rows, packed, max_boxes, workers, LARGEST)


@pytest.fixture(params=[Threads, pytest.param(Processes, marks=processes_only)])
def maker(request):
    """What makes a maker of batches; what it has started ends with the test."""
    made = []

    def make(rows, workers=2, max_boxes=5) -> BatchMaker:
        crew = (
            processes_of(rows, workers, max_boxes) if request.param is Processes else Threads(rows, max_boxes, workers)
        )
        made.append(crew)
        return BatchMaker(made[-1], Overflow(max_boxes))

    yield make
    for crew in made:
        crew.close()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_rows_are_samples_in_order(maker, dtype):
    images, boxes, labels, ignore, indices, _ = maker(Numbered(dtype=dtype)).batch(1)  # of samples 2 and 3
    assert (images.shape, images.dtype) == ((2, 2, 3, 3), dtype)
    assert all(column.ctypes.data % ALIGNMENT == 0 for column in (images, boxes, labels, ignore, indices))
    assert images[:, 0, 0, 0].tolist() == [2, 3]
    assert boxes[:, :, 0].tolist() == [[2, 2, 0, 0, 0], [3, 3, 3, 0, 0]]
    assert labels.tolist() == [[2, 2, -1, -1, -1], [3, 3, 3, -1, -1]]
    assert ignore.tolist() == [[True, True, False, False, False], [True, True, True, False, False]]
    assert (indices.tolist(), indices.dtype) == ([20, 30], np.int64)


def test_boxes_beyond_the_rows_are_counted(maker):
    batches = maker(Numbered(), max_boxes=2)
    assert batches.batch(1).labels.tolist() == [[2, 2], [3, 3]]
    assert (batches.overflow.samples, batches.overflow.boxes) == (1, 1)


def test_more_workers_than_rows(maker):
    batches = maker(Numbered(), workers=3, max_boxes=1)
    assert [batches.batch(number).indices.tolist() for number in range(3)] == [[0, 10], [20, 30], [40, 50]]


def test_failures_are_kept(maker):
    batches = maker(Failing(), workers=1)
    with pytest.raises(ValueError, match="batch 2"):
        batches.batch(2)
    assert [str(failure) for failure in batches.failures] == ["batch 2"]


def test_rows_of_a_batch_are_made_at_the_same_time():
    batches = BatchMaker(Threads(Together(), 5, 2), Overflow(5))
    assert batches.batch(0).indices.tolist() == [0, 10]


@pytest.fixture
def processes(request):
    made = []

    def make(rows, workers=2) -> Processes:
        made.append(processes_of(rows, workers))
        return made[-1]

    yield make
    for crew in made:
        crew.close()


def is_lent(array) -> bool:
    """Whether its memory is someone else's."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.base is not None


@processes_only
class TestProcesses:
    def test_memory_comes_back_when_no_array_has_it(self, processes):
        crew = processes(Numbered())
        first = crew.make(0)
        view, place = first.indices[1:], first.images.ctypes.data
        del first
        assert crew.make(1).images.ctypes.data != place
        assert view.tolist() == [10]
        del view
        gc.collect()
        assert crew.make(2).images.ctypes.data == place

    def test_many_batches_may_be_kept(self, processes):
        crew = processes(Numbered())
        kept = [crew.make(number).images for number in range(MOST_LENT + 3)]
        assert [images[0, 0, 0, 0] for images in kept] == [*range(0, 2 * len(kept), 2)]
        assert [is_lent(images) for images in kept[-4:]] == [True, False, False, False]
        assert kept[-1].ctypes.data % ALIGNMENT == 0

    def test_an_error_brings_its_trace(self, processes):
        with pytest.raises(ValueError, match="batch 1") as caught:
            processes(Failing()).make(1)
        assert "in example" in str(caught.value.__cause__)

    def test_an_error_that_cannot_travel_is_told(self, processes):
        with pytest.raises(RuntimeError, match="Odd"):
            processes(FailingOddly()).make(0)

    def test_a_killed_process_is_an_error(self, processes):
        with pytest.raises(RunFailure, match=r"ended by signal 9.*cache_gigabytes"):
            processes(Dying()).make(0)

    def test_they_end_when_closed_and_start_again_when_asked(self, processes):
        crew = processes(Telling(), workers=1)
        (process,) = {*crew.make(0).indices.tolist(), *crew.make(1).indices.tolist()}
        assert process != os.getpid()
        crew.close()
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
        assert process not in crew.make(0).indices

    def test_they_end_with_a_process_that_is_killed(self):
        """The reader of a pipe that a worker has, too, comes to its end only when both are gone."""
        program = """
import os, signal
from test_making import Telling, processes_of
processes_of(Telling()).make(0)
print("made", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
        path = os.pathsep.join(sys.path)
        command = [sys.executable, "-c", program]
        ended = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}, timeout=120)
        assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"made\n")

    def test_users_of_one_maker_do_not_end_the_workers_of_each_other(self, processes):
        crew = processes(Telling(), workers=1)
        batches = BatchMaker(crew, Overflow(5))
        with batches.in_use():
            first = int(batches.batch(0).indices[0])
            with batches.in_use():
                assert batches.batch(1).indices[0] == first
            assert batches.batch(2).indices[0] == first
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)

    def test_what_other_processes_do_not_know_stays_here(self, monkeypatch):
        class Local(Numbered):
            pass

        assert pack(Numbered()) is not None
        assert pack(Local()) is None
        monkeypatch.setattr(Numbered, "__module__", "__main__")
        monkeypatch.setitem(sys.modules, "__main__", sys.modules[__name__])
        assert pickle.dumps(Numbered())
        assert pack(Numbered()) is None


@pytest.mark.parametrize("size", [15, 1000])
def test_memory_begins_where_tensorflow_takes_it_over(size):
    for _ in range(10):
        memory = aligned(size)
        assert (memory.shape, memory.dtype) == ((size,), np.uint8)
        assert memory.ctypes.data % ALIGNMENT == 0
        assert memory.flags.writeable
