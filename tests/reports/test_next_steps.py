"""What to do next follows from the numbers."""

import dataclasses

import numpy as np
import pytest
from scored_boxes import few

from detect.evaluation.diagnosis.box_kinds import BoxKinds
from detect.evaluation.diagnosis.diagnosing import Calibration, Diagnosis
from detect.evaluation.diagnosis.error_kinds import ErrorKind
from detect.evaluation.diagnosis.ranges import RangeScores
from detect.evaluation.diagnosis.threshold_curves import THRESHOLDS, ThresholdCurves
from detect.evaluation.intervals import Interval, Intervals
from detect.reports.next_steps import MOST_STEPS, Subject, next_steps

SUBJECT = Subject("runs/a b", "my data.yaml", "val", is_run=True, image_size=320, kind="yolox-nano")
NAMES = ("class", "box", "class and box", "duplicate", "background", "missed")


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Two classes: a cat with AP below 1, and two dogs of which one is found."""
    return few(tmp_path_factory.mktemp("steps")).scores


def diagnosis(width=0.0, sizes=(), gains=(0.0,) * 6, f1=0.8, f1_at_quarter=0.8, suspected=0) -> Diagnosis:
    """Return a diagnosis in which nothing is worth a sentence but what the arguments say."""
    interval = Interval(0.5 - width / 2, 0.5 + width / 2)
    kinds = [ErrorKind(name, f"meaning of {name}", 10, gain) for name, gain in zip(NAMES, gains, strict=True)]
    curve = np.where(THRESHOLDS < 0.5, f1_at_quarter, f1)[None]
    nothing = np.zeros(0)
    return Diagnosis(
        Intervals(40, interval, interval, interval, (interval, interval)),
        {},
        ThresholdCurves(curve, curve, curve),
        sorted(kinds, key=lambda kind: -kind.gain),
        Calibration(0.0, ()),
        {"size at the model's input": list(sizes)},
        nothing,
        BoxKinds(nothing, nothing),
        [],
        suspected,
    )


def steps(scores, subject=SUBJECT, **numbers) -> dict[str, tuple[str, str]]:
    """Return figure and command of each step but that of the weakest class, by the part of the page it leads to."""
    found = next_steps(scores, diagnosis(**numbers), subject)
    return {step.section: (step.figure, step.command) for step in found if step.section != "classes"}


def test_nothing_is_to_be_done_where_nothing_is_wrong(scores):
    assert not steps(scores)


def test_few_images(scores):
    assert steps(scores, width=0.2) == {
        "scores": ("95 % interval 0.20 wide", "detect train --data 'my data.yaml' --folds 5")
    }
    assert not steps(scores, width=0.09)


def test_small_objects_that_are_lost(scores):
    """Of 100 objects 40 are small, and their AP is lower by 0.4."""
    sizes = [RangeScores("under 8 px", 1, 0.0, 0.0, 0.0), RangeScores("8 to 16 px", 40, 0.2, 0.5, 0.3),
             RangeScores("16 to 32 px", 59, 0.6, 0.8, 0.7)]  # fmt: skip
    command = "detect train --data 'my data.yaml' --image-size 640 --model yolox-nano"
    assert steps(scores, sizes=sizes) == {"ranges": ("40% of the objects", command)}
    assert not steps(scores, sizes=sizes[::-1])  # where the larger ones are lost, larger images do not help


def test_duplicates(scores):
    """10 of 50 wrong detections."""
    gains = (0.0, 0.0, 0.0, 0.05, 0.0, 0.0)
    command = "detect evaluate 'runs/a b' --data 'my data.yaml' --iou 0.5"
    assert steps(scores, gains=gains) == {"errors": ("20% of the wrong detections", command)}


def test_the_threshold_that_predictions_start_from(scores):
    command = "detect threshold 'runs/a b' --data 'my data.yaml' --f1"
    assert steps(scores, f1=0.9, f1_at_quarter=0.7) == {"curves": ("F1 higher by 0.20", command)}


def test_annotations_that_may_be_wrong(scores):
    assert steps(scores, suspected=1) == {
        "hints": ("1 annotation, 33% of the boxes", "detect data check 'my data.yaml'")
    }


def test_the_errors_that_cost_most(scores):
    gains = (0.0, 0.03, 0.0, 0.0, 0.1, 0.0)
    assert steps(scores, gains=gains) == {"errors": ("10 errors", "detect advise 'runs/a b' --max-time 30m")}
    assert not steps(scores, SUBJECT._replace(is_run=False), gains=gains)


def test_the_weakest_class(scores):
    (step,) = next_steps(scores, diagnosis(), SUBJECT)
    worst = min(scores.per_class, key=lambda name: scores.per_class[name]["AP"])
    assert f"The weakest class is {worst}" in step.text
    assert "few boxes" in step.text
    assert step.command == "detect data check 'my data.yaml' --run 'runs/a b'"


def test_a_model_that_has_learnt_nothing_is_trained_further(scores):
    """No threshold is named, although another one has a higher F1."""
    poor = dataclasses.replace(scores, AP=0.02)
    command = "detect train --data 'my data.yaml' --weights 'runs/a b' --epochs 50"
    assert steps(poor, f1=0.3, f1_at_quarter=0.0) == {"scores": ("AP 0.020", command)}


def test_they_are_few_and_the_worthiest_comes_first(scores):
    sizes = [RangeScores("small", 50, 0.2, 0.5, 0.3), RangeScores("large", 50, 0.6, 0.8, 0.7)]
    gains = (0.3, 0.0, 0.0, 0.1, 0.0, 0.0)
    found = next_steps(scores, diagnosis(0.2, sizes, gains, 0.9, 0.7, 2), SUBJECT)
    assert len(found) == MOST_STEPS
    worth = [step.worth for step in found]
    assert worth == sorted(worth, reverse=True)
    assert found[0].section == "hints"
