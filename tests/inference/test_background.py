"""Stages that run ahead in threads."""

import threading
import weakref

import pytest

from detect.inference.background import ahead


def threads() -> int:
    return sum(thread.name == "detect-ahead" for thread in threading.enumerate())


def test_gives_the_same_items_in_order():
    assert list(ahead(iter(range(100)), depth=3)) == list(range(100))
    assert list(ahead(iter([]), depth=1)) == []
    assert threads() == 0


def test_works_ahead_by_depth_and_no_further():
    made = []
    waits = threading.Event()

    def numbers():
        for number in range(100):
            made.append(number)
            if number == 3:  # 0 is consumed, 1 and 2 wait in the channel, 3 is in hand
                waits.set()
            yield number

    items = ahead(numbers(), depth=2)
    assert next(items) == 0
    assert waits.wait(10)
    assert made == [0, 1, 2, 3]
    items.close()
    assert threads() == 0


def test_an_error_arrives_after_the_items_before_it():
    def numbers():
        yield 1
        yield 2
        raise ValueError("broken")

    items = ahead(numbers(), depth=5)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(items)
    assert threads() == 0


def test_leaving_a_loop_closes_the_source_in_its_thread():
    closed_by = []

    def numbers():
        try:
            yield from range(1000)
        finally:
            closed_by.append(threading.current_thread().name)

    for number in ahead(numbers(), depth=2):
        if number == 5:
            break
    assert closed_by == ["detect-ahead"]
    assert threads() == 0


def test_stages_end_together():
    closed = []

    def numbers():
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    def doubled(items):
        try:
            for item in items:
                yield 2 * item
        finally:
            items.close()

    items = ahead(doubled(ahead(numbers(), depth=1)), depth=1)
    assert next(items) == 0
    items.close()
    assert closed == [True]
    assert threads() == 0


def test_newest_only_drops_the_oldest():
    all_made = threading.Event()

    def images():
        yield from range(10)
        all_made.set()

    items = ahead(images(), depth=1, newest_only=True)
    first = next(items)
    assert all_made.wait(10)
    assert first in range(10)
    assert list(items) == ([9] if first < 9 else [])


def test_consumed_items_are_not_kept():
    class Item:
        pass

    seen = []
    for item in ahead((Item() for _ in range(50)), depth=2):
        seen.append(weakref.ref(item))
        alive = sum(reference() is not None for reference in seen)
        assert alive == 1


def test_nobody_waits_longer_for_a_thread_than_there_is_patience():
    arrives = threading.Event()

    def stalled():
        yield 1
        assert arrives.wait(60)
        yield 2

    items = ahead(stalled(), depth=1, patience=0.01)
    assert next(items) == 1
    items.close()
    assert threads() == 1
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "detect-ahead")
    arrives.set()
    thread.join(60)
    assert threads() == 0
