"""Real videos, with published weights. Both lie beside the checkout, where there are any: skipped without them."""

from pathlib import Path

import pytest

import detect

SHARED = Path(__file__).parents[3] / "shared"
WEIGHTS, VIDEOS = SHARED / "weights" / "yolox_nano.onnx", SHARED / "data" / "videos"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (WEIGHTS.exists() and VIDEOS.exists()), reason=f"needs {WEIGHTS} and {VIDEOS}"),
]


@pytest.fixture(scope="module")
def model():
    return detect.load("yolox-nano", weights=WEIGHTS)


def frames_of(results):
    """The first and the last frame of each identity, and in how many frames it was found."""
    frames = {}
    for result in results:
        for identity in result.ids.tolist():
            frames.setdefault(identity, []).append(result.index)
    return [(found[0], found[-1], len(found)) for found in frames.values()]


def test_each_person_has_one_identity_while_in_view(model):
    """In 70 seconds of 10 frames each, three persons come, one after the other, stop at a table, and go."""
    found = frames_of(model.track(VIDEOS / "one-by-one-person-detection.mp4", classes="person", confidence=0.5, end=70))
    in_view = [(61, 196), (229, 446), (506, 697)]  # as one sees them
    assert len(found) == len(in_view)
    for (first, last, count), (comes, goes) in zip(found, in_view, strict=True):
        assert first == pytest.approx(comes, abs=5)
        assert last == pytest.approx(goes, abs=8)
        assert count >= 0.95 * (last - first + 1)


def test_each_bottle_has_one_identity_while_in_view(model):
    """Three stand there, in 30 frames a second; the left one is taken away in frame 209, and put back in frame 341."""
    found = frames_of(model.track(VIDEOS / "bottle-detection.mp4", classes="bottle", end=13))
    first, last, count = zip(*sorted(found), strict=True)
    assert [round(frame, -1) for frame in first] == [0, 0, 0, 340]
    assert sorted(round(frame, -1) for frame in last) == [210, 390, 390, 390]
    assert sum(count) >= 0.99 * sum(b - a + 1 for a, b, _ in found)
