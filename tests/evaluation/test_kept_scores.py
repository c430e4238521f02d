"""AP of kept classes before and after a run."""

import json

import pytest

from detect.evaluation.kept_scores import KeptClass, kept_classes, verdict


def write(folder, before, after):
    classes = {name: {"AP": average, "annotated": 0.5, "doubtful": 0.1} for name, average in before.items()}
    (folder / "teacher.json").write_text(json.dumps({"budget": 0.02, "classes": classes}))
    scores = {"per_class": {name: {"AP": average} for name, average in after.items()}}
    (folder / "evaluation.json").write_text(json.dumps(scores))


def test_before_and_after_are_those_of_the_files(tmp_path):
    write(tmp_path, {"car": 0.5, "bus": 0.25, "van": None}, {"car": 0.47, "bus": 0.24, "van": None, "bike": 0.9})
    car, bus, van = kept_classes(tmp_path)
    assert (car.name, car.change, car.exceeds) == ("car", pytest.approx(-0.03), True)
    assert (bus.change, bus.exceeds) == (pytest.approx(-0.01), False)
    assert (van.change, van.exceeds) == (None, False)
    assert verdict([car, bus]) == "Kept classes that lost more AP than 0.02: car."
    assert verdict([bus, van]) == (
        "No kept class lost more AP than 0.02. Not known, because there are no validation images with these classes: "
        "van."
    )


def test_a_loss_as_large_as_the_budget_is_allowed():
    assert not KeptClass("car", 0.5, 0.25, 0.25).exceeds
    assert not KeptClass("car", 0.5, 0.75, 0.25).exceeds


def test_other_runs_keep_no_classes(tmp_path):
    assert kept_classes(tmp_path) == []
