"""Batches that do not fit into memory."""

import pytest
import tensorflow as tf

from detect.errors import RunFailure
from detect.training.updates.out_of_memory import is_out_of_memory, more_parts, smallest_factor


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[16,64]"), True),
        (tf.errors.InternalError(None, None, "RESOURCE_EXHAUSTED: Out of memory while trying to allocate"), True),
        (tf.errors.UnknownError(None, None, "std::bad_alloc"), True),
        (tf.errors.InvalidArgumentError(None, None, "shapes differ"), False),
    ],
)
def test_errors_that_say_so(error, expected):
    assert is_out_of_memory(error) is expected


@pytest.mark.parametrize(("number", "factor"), [(2, 2), (16, 2), (9, 3), (35, 5), (7, 7)])
def test_the_smallest_factor(number, factor):
    assert smallest_factor(number) == factor


@pytest.mark.parametrize(("images", "all_parts"), [(16, [2, 4, 8, 16]), (6, [2, 6]), (15, [3, 15]), (7, [7])])
def test_parts_have_equally_many_images(images, all_parts):
    parts, found = 1, []
    while parts < images:
        parts = more_parts(images, parts, replicas=1)
        found.append(parts)
    assert found == all_parts
    with pytest.raises(RunFailure, match="not even one image fits"):
        more_parts(images, parts, replicas=1)


def test_with_several_devices_the_user_divides_the_batch():
    with pytest.raises(
        RunFailure, match=r"16 images per device do not fit. Start anew with --batch-size 8 and 2 times"
    ):
        more_parts(16, 1, replicas=2)
