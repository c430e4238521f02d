"""Batches made by several threads, without TensorFlow."""

import threading

import numpy as np
import pytest

from detect.data.batching import ALIGNMENT, BatchMaker, aligned
from detect.data.padding import Overflow
from detect.structures import Example


def numbered(sample: int, canvas: np.ndarray) -> tuple[Example, int]:
    """An example whose pixels, boxes and labels tell its number; as many boxes as that."""
    boxes = np.full((sample, 4), sample, np.float32)
    canvas.fill(sample)
    return Example(canvas, boxes, np.full(sample, sample, np.int32), np.ones(sample, bool)), 10 * sample


def maker(make=numbered, workers=2, dtype=np.uint8, max_boxes=5) -> BatchMaker:
    return BatchMaker(make, lambda batch: (2, 3), dtype, 2, Overflow(max_boxes), workers)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_rows_are_samples_in_order(dtype):
    images, boxes, labels, ignore, indices = maker(dtype=dtype).batch(1)  # of samples 2 and 3
    assert (images.shape, images.dtype) == ((2, 2, 3, 3), dtype)
    assert images[:, 0, 0, 0].tolist() == [2, 3]
    assert boxes[:, :, 0].tolist() == [[2, 2, 0, 0, 0], [3, 3, 3, 0, 0]]
    assert labels.tolist() == [[2, 2, -1, -1, -1], [3, 3, 3, -1, -1]]
    assert ignore.tolist() == [[True, True, False, False, False], [True, True, True, False, False]]
    assert (indices.tolist(), indices.dtype) == ([20, 30], np.int64)


def test_boxes_beyond_the_rows_are_counted():
    batches = maker(max_boxes=2)
    assert batches.batch(1)[2].tolist() == [[2, 2], [3, 3]]
    assert (batches.overflow.samples, batches.overflow.boxes) == (1, 1)


def test_rows_of_a_batch_are_made_at_the_same_time():
    both = threading.Barrier(2, timeout=60)

    def make(sample, canvas):
        both.wait()
        return numbered(sample, canvas)

    assert maker(make).batch(0)[4].tolist() == [0, 10]


def test_failures_are_kept():
    def make(sample, canvas):
        raise ValueError(f"sample {sample}")

    batches = maker(make, workers=1)
    with pytest.raises(ValueError, match="sample 4"):
        batches.batch(2)
    assert [str(failure) for failure in batches.failures] == ["sample 4"]


@pytest.mark.parametrize(("shape", "dtype"), [((3, 5), np.uint8), ((2, 7, 3), np.float32)])
def test_arrays_begin_where_tensorflow_takes_them_over(shape, dtype):
    for _ in range(10):
        array = aligned(shape, np.dtype(dtype))
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.ctypes.data % ALIGNMENT == 0
        assert array.flags.writeable
        assert array.flags.c_contiguous
