"""The output of `detect advise`."""

import pytest

from detect.advice.advising import Advice, CurvePoint, Doubling, Option
from detect.advice.learning_curve import Gain
from detect.cli.advise import show
from detect.evaluation.diagnosis.error_kinds import ErrorKind


@pytest.fixture
def advice():
    return Advice(
        run="runs/x",
        trial_updates=200,
        errors=[ErrorKind("class", "the box is right, the class is wrong", 7, 0.125)],
        curve=[CurvePoint(50, 2, 0.4), CurvePoint(200, 2, 0.5)],
        doubling=[
            Doubling("all classes", 90, 0.5, Gain(0.034, 0.01, 0.06)),
            Doubling("dog", 40, 0.4, Gain(0.02, -0.01, 0.05)),
            Doubling("cat", 5, 0.6, None),
        ],
        options=[
            Option("twice as long", 0.55, 62.0, Gain(0.05, 0.03, 0.07)),
            Option("yolox-s", 0.2, 15.0, None),
        ],
        notes=["Not tried: yolox-m. There is no network."],
        command="detect train --data x --epochs 60.0",
    )


def test_what_is_clear_and_what_is_not(advice, capsys):
    show(advice)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "class: the box is right, the class is wrong 7 +0.125",
        "200 2 0.500",
        "all classes 90 0.500 +0.034 0.010 to 0.060",
        "dog 40 0.400 cannot be told -0.010 to 0.050",
        "cat 5 0.600 cannot be told",
        "twice as long 62 0.550 +0.050 0.030 to 0.070",
        "yolox-s 15 0.200 stopped early",
        "Note: Not tried: yolox-m. There is no network.",
        "2x the images: +0.034 AP (0.010 to 0.060).",
    ):
        assert line in lines
    assert lines[-2:] == ["Next:", advice.command]


def test_a_clear_loss_is_told_too(advice, capsys):
    loss = Doubling("all classes", 90, 0.5, Gain(-0.03, -0.05, -0.01))
    show(Advice(**{**vars(advice), "doubling": [loss]}))
    assert "2x the images: -0.030 AP (-0.050 to -0.010)." in capsys.readouterr().out


def test_nothing_is_advised_that_is_not_clear(advice, capsys):
    open_gain = Doubling("all classes", 90, 0.5, Gain(0.034, -0.01, 0.08))
    show(Advice(**{**vars(advice), "doubling": [open_gain], "command": None}))
    out = capsys.readouterr().out
    assert "Whether more images help cannot be told" in out
    assert "No other settings are clearly better" in out
    assert "Next" not in out
