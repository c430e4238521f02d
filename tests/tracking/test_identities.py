"""Identities in scenes where they are known, with perfect and with noisy detections, for each method."""

import functools

import numpy as np
import pytest
from scenes import (
    CONFIDENCE,
    FRAMES,
    NOTHING,
    RATE,
    SCENES,
    SIZE,
    Found,
    Object,
    noisy,
    perfect,
    scores_of,
    track,
    truth,
)

from detect.tracking.identities import UNKNOWN, Identities
from detect.tracking.methods import METHODS

SEEDS = range(5)


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def identities(method, classes=1, confidence=CONFIDENCE):
    return Identities(METHODS[method], np.full(classes, confidence), RATE)


def one(score, x=100.0, label=0):
    box = np.array([[x, 100, x + SIZE[0], 100 + SIZE[1]]], np.float32)
    return Found(box, np.array([score], np.float32), np.array([label], np.int32))


def ids_of(tracker, founds, start=0):
    """The identities in frames with one detection each."""
    updates = (tracker.update(*found, (start + frame) / RATE, NOTHING) for frame, found in enumerate(founds))
    return np.concatenate(list(updates)).tolist()


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_perfect_detections(method, scene):
    """All that is missing is the first frame of each object, in which it has no identity yet."""
    true = truth(scene)
    scores = scores_of(track(perfect(scene), method), true)
    seen = sum(len(view.ids) for view in true)
    found = seen - len(scene)
    assert scores["IDSW"] == 0
    assert scores["IDF1"] == pytest.approx(2 * found / (found + seen))
    assert scores["MOTA"] == pytest.approx(found / seen)
    assert scores["HOTA"] == pytest.approx(found / seen, abs=0.005)


@functools.cache
def noisy_scores(method, name):
    """The scores of each seed."""
    scene = SCENES[name]
    return [scores_of(track(noisy(scene, seed), method), truth(scene)) for seed in SEEDS]


@pytest.mark.parametrize("scene", SCENES)
def test_noisy_detections(method, scene):
    assert np.mean([scores["IDF1"] for scores in noisy_scores(method, scene)]) >= 0.95
    assert np.mean([scores["MOTA"] for scores in noisy_scores(method, scene)]) >= 0.9


@pytest.mark.parametrize("scene", ["apart", "entering"])
def test_no_identity_switches_where_boxes_never_overlap(method, scene):
    assert [scores["IDSW"] for scores in noisy_scores(method, scene)] == [0] * len(SEEDS)


def test_identities_count_from_one_in_the_order_of_appearance(method):
    tracker = identities(method, classes=2)
    assert ids_of(tracker, [one(0.9)] * 3) == [UNKNOWN, 1, 1]
    assert ids_of(tracker, [one(0.9, x=300, label=1)] * 3, start=3) == [UNKNOWN, 2, 2]
    assert ids_of(tracker, [one(0.9)] * 2, start=6) == [1, 1]


def test_nothing_is_found(method):
    nothing = Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))
    assert ids_of(identities(method), [nothing] * 3) == []


def test_an_identity_never_changes_its_class(method):
    """Two objects of different classes in one place, whose boxes change places; and one whose class changes."""
    scene = [Object((100, 100), (1, 0), label=0), Object((190, 100), (-1, 0), label=1)]
    tracker = identities(method, classes=2)
    of_class = {}
    for frame, found in enumerate(perfect(scene)):
        ids = tracker.update(*found, frame / RATE, NOTHING)
        for identity, label in zip(ids.tolist(), found.labels.tolist(), strict=True):
            of_class.setdefault(identity, set()).add(label)
    del of_class[UNKNOWN]
    assert list(of_class.values()) == [{0}, {1}]
    wavering = ids_of(identities(method, classes=2), [one(0.9, label=frame // 5 % 2) for frame in range(15)])
    assert wavering == [UNKNOWN, 1, 1, 1, 1, UNKNOWN, 2, 2, 2, 2, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("method", ["bytetrack", "botsort"])
def test_weak_detections_continue_an_identity_and_begin_none(method):
    assert ids_of(identities(method), [one(0.9)] * 2 + [one(0.2)] * 3) == [UNKNOWN, 1, 1, 1, 1]
    assert ids_of(identities(method), [one(0.4)] * 5) == [UNKNOWN] * 5


def test_oc_sort_makes_no_use_of_weak_detections():
    assert ids_of(identities("ocsort"), [one(0.9)] * 2 + [one(0.2)] + [one(0.9)]) == [UNKNOWN, 1, UNKNOWN, 1]


def test_each_class_has_its_own_confidence(method):
    tracker = Identities(METHODS[method], np.array([0.8, 0.3]), RATE)
    assert ids_of(tracker, [one(0.6, label=0)] * 3) == [UNKNOWN] * 3
    assert ids_of(tracker, [one(0.6, label=1)] * 3, start=3) == [UNKNOWN, 1, 1]


@pytest.mark.parametrize(("seconds", "identity"), [(0.9, 1), (1.1, UNKNOWN)])
def test_an_identity_ends_a_second_after_it_was_seen_last(method, seconds, identity):
    """By the clock, not by the number of frames: a live camera drops those that the model is too slow for."""
    tracker = identities(method)
    ids_of(tracker, [one(0.9)] * 4)
    assert tracker.update(*one(0.9), 3 / RATE + seconds, NOTHING).tolist() == [identity]


def test_uneven_times(method):
    """An object that moves evenly, in frames of which two in three are dropped now and then."""
    kept = [frame for frame in range(FRAMES) if frame % 20 < 10 or frame % 3 == 0]
    tracker, views = identities(method), list(perfect([Object((20, 100), (5, 0))]))
    ids = [tracker.update(*views[frame], frame / RATE, NOTHING).tolist() for frame in kept]
    assert ids == [[UNKNOWN], *[[1]] * (len(kept) - 1)]


def test_identities_that_have_ended_take_no_memory(method):
    tracker = identities(method)
    for turn in range(20):
        ids_of(tracker, [one(0.9)] * 2, start=100 * turn)
    (of_class,) = tracker._classes.values()
    assert list(of_class._ids.values()) == [20]


def test_bot_sort_follows_a_camera_that_turns():
    """A standing object before a wall; the camera jumps by more than its width, so no box overlaps the one before."""
    wall = np.random.default_rng(0).integers(0, 255, (45, 240, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    starts = [0, 0, 0, 60, 120, 180, 180, 120, 60, 0]  # of the view on the wall, pixels

    def ids(method):
        tracker = identities(method)
        views = [(one(0.9, x=400.0 - start), wall[:, start : start + 640]) for start in starts]
        return [tracker.update(*found, frame / RATE, image).item() for frame, (found, image) in enumerate(views)]

    assert ids("botsort") == [UNKNOWN, *[1] * 9]
    assert max(ids("bytetrack")) > 1
