"""Golden vectors: what is a difference between two machines and what is none, and what is chosen for them.

No test here runs a network; test_export.py and test_export_options.py check exports.
"""

import numpy as np
import pytest

from detect.artefacts.client_suppression import best_detections
from detect.artefacts.golden_vectors import GoldenCall
from detect.export import golden_choice
from detect.export.golden_check import compared, outputs_of
from detect.export.golden_choice import golden_calls
from detect.inference.predictor import Model
from detect.models.card import ModelCard
from detect.models.suppression import Suppression
from detect.structures import Candidates, Detections

CANVAS = (64, 64)
A, B, C = (4, 4, 24, 24), (30, 4, 60, 34), (10, 40, 30, 62)
NOTHING = ((0, 0, 0, 0), 0.0, -1)


def outputs(*images, room: int = 4) -> Detections:
    """Outputs for images with rows of box, score and label."""
    padded = [[*rows, *[NOTHING] * (room - len(rows))] for rows in images]
    boxes, scores, labels = ([[row[part] for row in rows] for rows in padded] for part in range(3))
    return Detections(np.float32(boxes), np.float32(scores), np.int32(labels))


FIRST = [(A, 0.9, 0), (B, 0.6, 1), (C, 0.5, 2)]
SECOND = [(B, 0.7, 0)]
EXPECTED = outputs(FIRST, SECOND)


def call(expected: Detections = EXPECTED, box_tolerance=0.2, score_tolerance=1e-3) -> GoldenCall:
    numbers = {"confidence": 0.3, "iou": 0.5, "box_tolerance": box_tolerance, "score_tolerance": score_tolerance}
    return GoldenCall(
        cells=np.zeros((2, 16, 16), np.uint8),
        colours=np.zeros((2, 1, 3), np.uint8),
        cell=np.array(4, np.int32),
        extents=np.float32([CANVAS] * 2),
        **expected._asdict(),
        **{name: np.array(value, np.float32) for name, value in numbers.items()},
    )


def differing(found: Detections, **changes) -> dict[str, tuple]:
    """Return the outputs that differ, with the first difference."""
    checked = compared(CANVAS, call(**changes), found)
    assert [output.name for output in checked] == ["boxes", "scores", "labels"]
    return {output.name: output.first for output in checked if output.first}


def moved(box, by: float):
    return tuple(edge + by for edge in box)


@pytest.mark.parametrize(
    "found",
    [
        EXPECTED,
        outputs([(moved(A, 0.1), 0.9004, 0), *FIRST[1:]], SECOND),  # rounding
        outputs(FIRST, [*SECOND, (A, 0.3009, 1)]),  # a tie with the threshold
    ],
)
def test_what_is_no_difference(found):
    assert not differing(found)


def test_the_order_of_equal_scores_is_no_difference():
    expected = outputs([(A, 0.6, 0), (B, 0.6, 1), (C, 0.6, 2)], SECOND)
    assert not differing(outputs([(C, 0.6, 2), (A, 0.6, 0), (B, 0.6, 1)], SECOND), expected=expected)


def test_where_a_list_is_full_its_end_may_differ():
    ours, theirs = (outputs([(A, 0.9, 0), last], SECOND, room=2) for last in ((B, 0.6, 1), (C, 0.6005, 2)))
    assert not differing(theirs, expected=ours)
    assert differing(outputs([(A, 0.9, 0)], SECOND, room=2), expected=ours)


def test_so_many_are_no_ties():
    """All scores lie at the threshold, so that each of them alone might be missing."""
    rows = [(box, 0.3004, label) for label in (0, 1) for box in (A, B, C)]
    all_six, three, two = (outputs(rows[:count], [], room=8) for count in (6, 3, 2))
    assert not differing(three, expected=all_six)
    assert not differing(all_six, expected=three)
    assert differing(two, expected=all_six)
    assert differing(all_six, expected=two)


@pytest.mark.parametrize(
    ("found", "output", "image", "position"),
    [
        (outputs([(moved(A, 0.3), 0.9, 0), *FIRST[1:]], SECOND), "boxes", 0, 0),
        (outputs([*FIRST[:2], (moved(C, 12), 0.5, 2)], SECOND), "boxes", 0, 2),
        (outputs([FIRST[0], (B, 0.602, 1), FIRST[2]], SECOND), "scores", 0, 1),
        (outputs(FIRST, [(B, 0.7, 2)]), "labels", 1, 0),
        (outputs(FIRST[:2], SECOND), "boxes", 0, 2),  # one is missing
        (outputs(FIRST, [*SECOND, (C, 0.4, 1)]), "boxes", 1, 1),  # one is new
        (outputs(FIRST, [*SECOND, (moved(B, 1), 0.4, 0)]), "scores", 1, 1),  # one was suppressed
        (outputs([FIRST[1], FIRST[0], FIRST[2]], SECOND), "scores", 0, 1),  # not best first
        (outputs(SECOND, FIRST), "labels", 0, 1),  # the images of the batch in another order
        (outputs([(A, np.nan, 0), *FIRST[1:]], SECOND), "scores", 0, 0),
        (outputs([(moved(A, np.nan), 0.9, 0), *FIRST[1:]], SECOND), "boxes", 0, 0),
        (outputs(FIRST, SECOND, room=5), "boxes", 0, 0),
        (EXPECTED._replace(labels=EXPECTED.scores), "labels", 0, 0),
        (Detections(EXPECTED.labels, EXPECTED.scores, EXPECTED.boxes), "boxes", 0, 0),
        (outputs([], []), "boxes", 0, 0),
    ],
)
def test_what_is_a_difference(found, output, image, position):
    first = differing(found)[output]
    assert (first.image, first.position) == (image, position)


def test_a_difference_says_what_was_expected_and_what_came():
    first = differing(outputs([*FIRST[:2], (C, 0.5, 1)], SECOND))["labels"]
    assert first.expected == "class 2, 0.5, at [10.0, 40.0, 30.0, 62.0]"
    assert first.got == "class 1 there"
    first = differing(outputs([(moved(A, 2), 0.9, 0), *FIRST[1:]], SECOND))["boxes"]
    assert (first.expected, first.got) == ("[4.0, 4.0, 24.0, 24.0]", "[6.0, 6.0, 26.0, 26.0]")
    assert first.size == 2


def test_the_largest_difference_is_told_of_what_agrees_too():
    found = outputs([(moved(A, 0.125), 0.9, 0), *FIRST[1:]], [(B, 0.7005, 0)])
    boxes, scores, labels = compared(CANVAS, call(), found)
    assert boxes.largest == pytest.approx(0.125)
    assert scores.largest == pytest.approx(0.0005, abs=1e-6)
    assert labels.largest == 0
    assert (boxes.allowed, scores.allowed) == (pytest.approx(0.2), pytest.approx(1e-3))


def test_rounding_between_operations_is_allowed_for():
    rounded = outputs([(moved(A, 1), 0.85, 0), (B, 0.63, 1), (C, 0.47, 2)], SECOND)
    assert not differing(rounded, box_tolerance=2, score_tolerance=0.06)
    assert differing(outputs(FIRST[:2], SECOND), box_tolerance=2, score_tolerance=0.06)


class Colours:
    """A back end that finds the cells of 16 pixels: their redness is the score, unless a fault is added to it."""

    name, confidence, iou, batch_size, size_divisor, smallest_side, canvases = "", 0.05, 0.5, 1, 16, 16, (CANVAS,)

    def __init__(self, fault=lambda scores: scores):
        self.fault = fault

    def detect(self, images, extents, confidence, iou):
        corners = np.indices((4, 4))[::-1].reshape(2, -1).T * 16
        boxes = np.tile(np.concatenate([corners, corners + 16], axis=1), (len(images), 1, 1)).astype(np.float32)
        scores = self.fault(images[:, 8::16, 8::16, :1].reshape(len(images), -1, 1) / np.float32(255))
        rules = Suppression(max_detections=20)
        return best_detections(Candidates(boxes, scores), extents, rules, confidence, iou)


def model(fault=lambda scores: scores) -> Model:
    card = ModelCard(model="", config={}, classes=("red",), category_ids=(1,), image_size=64)
    return Model(Colours(fault), card)


def lowered(scores):
    """What rounding might do to some of the scores."""
    return scores - np.float32(0.02) * (np.arange(16) % 2)[:, None]


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_model_agrees_with_itself_and_not_with_a_damaged_one(precision):
    (golden,) = golden_calls(model(), model(lowered), precision).values()
    assert (golden.labels >= 0).any(axis=1).all()
    assert (golden.scores[golden.labels >= 0] > golden.confidence).all()
    faults = {
        "none": lambda scores: scores,
        "digits": lambda scores: scores + np.float32(1e-5) * (np.arange(16) % 3)[:, None],
        "rounding": lowered,
        "dark": lambda scores: 0.4 * scores,
        "swapped": lambda scores: scores[:, ::-1],
    }
    agree = {
        name: all(output.first is None for output in compared(CANVAS, golden, outputs_of(model(fault), CANVAS, golden)))
        for name, fault in faults.items()
    }
    exact = precision == "float32"
    assert agree == {"none": True, "digits": True, "rounding": not exact, "dark": False, "swapped": False}


def test_the_second_image_has_padding():
    (golden,) = golden_calls(model(), model(), "float32").values()
    assert golden.extents.tolist() == [[64, 64], [48, 64]]
    images = golden.images(CANVAS)
    assert (images[1, 48:] == 114).all()
    assert not (images[1, :48] == 114).all()


def test_the_image_is_chosen_on_which_the_original_agrees():
    """The original errs on all others; each of those that it is run on can be this one."""

    class Erring(Colours):
        def __init__(self, agrees_on: float):
            super().__init__()
            self.agrees_on, self.seen = agrees_on, []

        def detect(self, images, extents, confidence, iou):
            found = super().detect(images, extents, confidence, iou)
            self.seen.append(images.mean())
            return found if images.mean() == self.agrees_on else found._replace(labels=found.labels + 1)

    def chosen(original: Erring):
        return golden_choice._most_alike(model(), Model(original, model().card), CANVAS, 1.0)

    never = Erring(-1)
    chosen(never)
    assert len(set(never.seen)) == golden_choice.COMPARED
    for mean in never.seen:
        assert chosen(Erring(mean)).expected.labels.max() == 0


def test_the_threshold_lies_in_the_widest_gap():
    scores = np.array([0.9, 0.8, 0.7, 0.3, 0.29, 0.1])
    assert golden_choice._in_a_gap(scores, 1, 5) == pytest.approx(0.195)  # two thirds less, from 0.29 to 0.1
    assert golden_choice._in_a_gap(scores, 1, 4) == pytest.approx(0.5)
    assert golden_choice._in_a_gap(scores, 4, 4) == pytest.approx(0.295)
    assert golden_choice._in_a_gap(scores, 10, 40) == pytest.approx(0.09)  # behind all of them
    assert golden_choice._in_a_gap(scores[:0], 1, 5) > 0
    assert golden_choice._in_a_gap(np.ones(50), 10, 40) == 0.95  # scores that are all the same are above it
