"""Scenes whose identities are known, what a detector would find in them, and scores of what a tracker makes of that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detect.tracking.identities import UNKNOWN, Identities
from detect.tracking.methods import METHODS

FRAMES, RATE = 90, 30.0
WIDTH, HEIGHT = 640, 360
SIZE = np.array([40, 80])  # of the objects, pixels
CONFIDENCE = 0.5
NOTHING = np.zeros((HEIGHT, WIDTH, 3), np.uint8)  # an image in which nothing can be seen to move


@dataclass(frozen=True)
class Object:
    """An object that moves evenly along a straight line."""

    start: tuple[float, float]  # upper left corner in frame 0
    speed: tuple[float, float]  # pixels per frame
    present: range = range(FRAMES)  # the frames in which it is in view
    hidden: range = range(0)  # the frames in which something stands before it
    label: int = 0

    def box(self, frame: int) -> np.ndarray:
        corner = np.add(self.start, np.multiply(frame, self.speed))
        return np.concatenate([corner, corner + SIZE])

    def is_seen(self, frame: int) -> bool:
        return frame in self.present and frame not in self.hidden


Scene = Sequence[Object]

# In lanes of their own: their boxes never overlap.
APART: Scene = [
    Object((20, 0), (5, 0)),
    Object((560, 90), (-5, 0)),
    Object((20, 180), (3, 0)),
    Object((300, 270), (0, 0)),
]
# One after the other on the same way: each enters while the one before it is at the other end of the view.
ENTERING: Scene = [Object((-12 * 40 * turn, 100), (12, 0), range(40 * turn, 40 * turn + 50)) for turn in range(3)]
# They meet in frame 45, where one box covers most of the other.
CROSSING: Scene = [Object((20, 100), (6, 0)), Object((560, 112), (-6, 0))]
# Half a second behind a pillar, without a change of speed.
OCCLUSION: Scene = [Object((20, 100), (5, 0), hidden=range(40, 55)), Object((560, 250), (-4, 0), hidden=range(50, 65))]
SCENES = {"apart": APART, "entering": ENTERING, "crossing": CROSSING, "occlusion": OCCLUSION}


class View(NamedTuple):
    """The n objects of a frame, and their identities."""

    boxes: np.ndarray  # float32 [n, 4]
    ids: np.ndarray  # int [n]


class Found(NamedTuple):
    """The n detections of a frame."""

    boxes: np.ndarray  # float32 [n, 4]
    scores: np.ndarray  # float32 [n]
    labels: np.ndarray  # int32 [n]


def truth(scene: Scene) -> list[View]:
    return [_view(scene, frame) for frame in range(FRAMES)]


def _view(scene: Scene, frame: int) -> View:
    seen = [number for number, thing in enumerate(scene) if thing.is_seen(frame)]
    return View(_stacked([scene[number].box(frame) for number in seen]), np.array(seen, int))


def perfect(scene: Scene) -> Iterator[Found]:
    """What a perfect detector finds in each frame."""
    for frame in range(FRAMES):
        seen = [thing for thing in scene if thing.is_seen(frame)]
        boxes = _stacked([thing.box(frame) for thing in seen])
        yield Found(boxes, np.full(len(seen), 0.9, np.float32), np.array([thing.label for thing in seen], np.int32))


def noisy(scene: Scene, seed: int) -> Iterator[Found]:
    """What a real detector finds: corners are off by 2 pixels, of 100 objects it misses 2, 4 have low scores, and
    in every third frame something is found where nothing is.
    """
    rng = np.random.default_rng(seed)
    for boxes, scores, labels in perfect(scene):
        scores = np.where(rng.random(len(boxes)) < 0.04, rng.uniform(0.2, 0.4, len(boxes)), scores)
        stays = rng.random(len(boxes)) > 0.02
        wrong = rng.uniform(0, [WIDTH - SIZE[0], HEIGHT - SIZE[1]], (int(rng.random() < 1 / 3), 2))
        found = np.concatenate([(boxes + rng.normal(0, 2, boxes.shape))[stays], np.hstack([wrong, wrong + SIZE])])
        confidence = np.concatenate([scores[stays], rng.uniform(0.1, 0.6, len(wrong))])
        order = rng.permutation(len(found))  # detections come by score, not by object
        together = np.concatenate([labels[stays], np.zeros(len(wrong), np.int32)])
        yield Found(found.astype(np.float32)[order], confidence.astype(np.float32)[order], together[order])


def track(detections: Iterator[Found], method: str) -> list[View]:
    """What a method makes of them."""
    identities = Identities(METHODS[method], np.full(3, CONFIDENCE), RATE)
    views = []
    for frame, (boxes, scores, labels) in enumerate(detections):
        ids = identities.update(boxes, scores, labels, frame / RATE, NOTHING)
        views.append(View(boxes[ids != UNKNOWN], ids[ids != UNKNOWN]))
    return views


def scores_of(views: Sequence[View], true: Sequence[View]) -> dict[str, float]:
    """HOTA, IDF1, MOTA and IDSW of tracks, as `trackers` computes them in agreement with TrackEval."""
    from trackers.eval import box_iou, compute_clear_metrics, compute_hota_metrics, compute_identity_metrics

    names = {identity: row for row, identity in enumerate(sorted({i for view in views for i in view.ids.tolist()}))}
    ids = [np.array([names[identity] for identity in view.ids.tolist()], int) for view in views]
    overlaps = [box_iou(a.boxes, b.boxes) for a, b in zip(true, views, strict=True)]
    inputs = [view.ids for view in true], ids, overlaps
    clear, identity = compute_clear_metrics(*inputs), compute_identity_metrics(*inputs)
    return {
        "HOTA": compute_hota_metrics(*inputs)["HOTA"],
        "IDF1": identity["IDF1"],
        "MOTA": clear["MOTA"],
        "IDSW": clear["IDSW"],
    }


def _stacked(boxes: Sequence[np.ndarray]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 4)
