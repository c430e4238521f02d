"""Pictures in shared memory: of one row of pixels each, so that their widths tell how much room they take."""

import pickle
import random

import numpy as np

from detect.data.samples.store import Store


def image_of(number: int, pixels: int = 10) -> np.ndarray:
    return np.full((1, pixels, 3), number, np.uint8)


def kept(store: Store, count: int) -> list[int]:
    """The numbers of those that are there; all are what was put there."""
    return [number for number in range(count) if is_kept(store, number)]


def is_kept(store: Store, number: int) -> bool:
    found = store.find(number)
    if found is None:
        return False
    assert (found == number).all()
    store.release(number)
    return True


def fill(store: Store, numbers, pixels: int = 10) -> None:
    for number in numbers:
        store.keep(number, image_of(number, pixels))


def test_the_first_stay_and_the_last_take_turns():
    store = Store(10, first=60, last=90)
    fill(store, range(10))
    assert kept(store, 10) == [0, 1, 7, 8, 9]
    fill(store, [3])
    assert kept(store, 10) == [0, 1, 3, 8, 9]
    found = store.find(3)
    assert found is not None
    assert (found.shape, found.dtype, found.flags.writeable) == ((1, 10, 3), np.uint8, False)


def test_nothing_is_kept_where_there_is_no_room():
    store = Store(3, first=0, last=0)
    fill(store, range(3))
    assert kept(store, 3) == []
    store = Store(3, first=0, last=60)
    fill(store, [0])
    fill(store, [1], pixels=21)
    assert kept(store, 3) == [0]


def test_what_is_in_use_keeps_its_place():
    store = Store(5, first=0, last=60)
    fill(store, [0, 1])
    held = store.find(0)
    fill(store, [2])
    assert kept(store, 5) == [0, 1]
    assert held is not None
    assert (held == 0).all()
    store.release(0)
    fill(store, [2, 3])
    assert kept(store, 5) == [2, 3]


def test_keeping_again_changes_nothing():
    store = Store(3, first=0, last=60)
    fill(store, [0, 1, 0, 0])
    assert kept(store, 3) == [0, 1]


def test_pictures_of_all_sizes_never_overlap():
    """Whatever is found is whole, and what came last is there."""
    draw = random.Random(0)
    store = Store(50, first=100, last=400)
    held: list[int] = []
    for _ in range(3000):
        number = draw.randrange(50)
        fill(store, [number], pixels=draw.randrange(1, 60))
        assert held or is_kept(store, number)
        if draw.random() < 0.3 and store.find(number) is not None:
            held.append(number)
        if len(held) > 3:
            store.release(held.pop(0))
        for other in held:
            assert is_kept(store, other)
        assert kept(store, 50)


def test_another_process_sees_the_same():
    """Pickled and back again, it is a second view of one memory, as in a worker."""
    store = Store(3, first=30, last=30)
    other = pickle.loads(pickle.dumps(store))
    fill(store, [0])
    fill(other, [1])
    assert kept(store, 3) == kept(other, 3) == [0, 1]
    assert other.find(1) is not None
    fill(store, [2])
    assert kept(store, 3) == [0, 1]
