"""Batches made by several threads or processes, without TensorFlow."""

import numpy as np
import pytest
from numbered_sources import Failing, Numbered, PartlyLabelled, Together, process_pool

from detect.data.batches.making import ALIGNMENT, BatchMaker, ThreadPool, aligned_buffer
from detect.data.batches.padding import Overflow
from detect.data.batches.process_pool import ProcessPool
from detect.data.samples.shared_memory import CAN_SHARE

PROCESSES = pytest.param(ProcessPool, marks=pytest.mark.skipif(not CAN_SHARE, reason="worker processes need Linux"))


@pytest.fixture(params=[ThreadPool, PROCESSES])
def maker(request):
    """Return a function that returns a maker of batches; what that has started ends with the test."""
    pools = []

    def make(source, workers=2, max_boxes=5) -> BatchMaker:
        processes = request.param is ProcessPool
        pools.append((process_pool if processes else ThreadPool)(source, max_boxes=max_boxes, workers=workers))
        return BatchMaker(pools[-1], Overflow(max_boxes))

    yield make
    for pool in pools:
        pool.close()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_slots_hold_samples_in_order(maker, dtype):
    images, boxes, labels, ignore, indices, looked_for, _ = maker(Numbered(dtype=dtype)).batch(1)  # samples 2 and 3
    assert (images.shape, images.dtype) == ((2, 2, 3, 3), dtype)
    assert all(array.ctypes.data % ALIGNMENT == 0 for array in (images, boxes, labels, ignore, indices))
    assert images[:, 0, 0, 0].tolist() == [2, 3]
    assert boxes[:, :, 0].tolist() == [[2, 2, 0, 0, 0], [3, 3, 3, 0, 0]]
    assert labels.tolist() == [[2, 2, -1, -1, -1], [3, 3, 3, -1, -1]]
    assert ignore.tolist() == [[True, True, False, False, False], [True, True, True, False, False]]
    assert (indices.tolist(), indices.dtype) == ([20, 30], np.int64)
    assert looked_for.shape == (2, 0)


def test_slots_hold_the_classes_that_were_looked_for(maker):
    looked_for = maker(PartlyLabelled()).batch(1).looked_for  # of samples 2 and 3
    np.testing.assert_array_equal(looked_for, [[False, False, True], [True, False, False]])


def test_boxes_without_room_are_counted(maker):
    batches = maker(Numbered(), max_boxes=2)
    assert batches.batch(1).labels.tolist() == [[2, 2], [3, 3]]
    assert (batches.overflow.samples, batches.overflow.boxes) == (1, 1)


def test_more_workers_than_slots(maker):
    batches = maker(Numbered(), workers=3, max_boxes=1)
    assert [batches.batch(number).indices.tolist() for number in range(3)] == [[0, 10], [20, 30], [40, 50]]


def test_failures_are_kept(maker):
    batches = maker(Failing(), workers=1)
    with pytest.raises(ValueError, match="batch 2"):
        batches.batch(2)
    assert [str(failure) for failure in batches.failures] == ["batch 2"]


def test_slots_of_a_batch_are_filled_at_the_same_time():
    batches = BatchMaker(ThreadPool(Together(), 5, 2), Overflow(5))
    assert batches.batch(0).indices.tolist() == [0, 10]


@pytest.mark.parametrize("size", [15, 1000])
def test_buffers_begin_where_tensorflow_takes_them_over(size):
    for _ in range(10):
        buffer = aligned_buffer(size)
        assert (buffer.shape, buffer.dtype) == ((size,), np.uint8)
        assert buffer.ctypes.data % ALIGNMENT == 0
        assert buffer.flags.writeable
