"""A step that waits for long is named once, with the images that it waits for."""

import time
from pathlib import Path

from detect.training.updates.slow_data import SECONDS, SlowData


def test_a_step_that_waits_for_long_is_named_once():
    said = []
    slow = SlowData(lambda step: [Path(f"{step}_{number}.jpg") for number in range(7)], said.append)
    slow.look(time.monotonic() + SECONDS)
    with slow.waiting(3):
        slow.look(time.monotonic() + SECONDS / 2)
        assert not said
        for _ in range(2):
            slow.look(time.monotonic() + SECONDS)
    slow.look(time.monotonic() + 2 * SECONDS)
    assert said == [
        "Step 3 has waited for its images for 60 seconds. Does a disk hang, or is it slow? Being read: 3_0.jpg, "
        "3_1.jpg, 3_2.jpg, 3_3.jpg, 3_4.jpg and 2 more."
    ]


def test_its_thread_ends_with_it():
    with SlowData(lambda step: [], print) as slow:
        assert slow._thread.is_alive()
    assert not slow._thread.is_alive()
