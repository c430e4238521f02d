"""Messages and exit codes of the two kinds of failure."""

import pickle

from detect.errors import FEW, BadInput, DetectError, RunFailure, counted, did_you_mean


def test_bad_input_exits_with_2_and_a_failed_run_with_1():
    assert BadInput("x").exit_code == 2
    assert RunFailure("x").exit_code == 1
    assert issubclass(BadInput, DetectError)
    assert issubclass(RunFailure, DetectError)


def test_a_message_may_have_several_lines_and_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(BadInput("nothing to learn:", "  a\nb.jpg: no box")))
    assert str(error) == "nothing to learn:\n  a\nb.jpg: no box"
    assert error.args == ("nothing to learn:", "  a\nb.jpg: no box")


def test_one_is_singular():
    assert [counted(count, "box was", "boxes were") for count in (0, 1, 2)] == [
        "0 boxes were",
        "1 box was",
        "2 boxes were",
    ]


def test_the_closest_name_comes_first_then_all_names_in_order():
    hint = did_you_mean("yolox-smal", ["yolox-tiny", "yolox-small", "retinanet-r50"])
    assert hint == "Did you mean 'yolox-small'? Known: retinanet-r50, yolox-small, yolox-tiny."


def test_a_close_name_is_enough_where_there_are_many():
    known = [f"model-{number}" for number in range(FEW)]
    assert did_you_mean("modle-7", known).startswith("Did you mean 'model-7'? Known: model-0, model-1, ")
    assert did_you_mean("modle-7", [*known, "other"]) == "Did you mean 'model-7'?"
    assert did_you_mean("zebra", [*known, "other"]).startswith("Known: model-0, ")


def test_the_only_name_is_not_said_twice():
    assert did_you_mean("runs/tkaen", ["runs/taken"]) == "Did you mean 'runs/taken'?"


def test_a_name_is_not_suggested_for_itself():
    """An id may be a text where the known ones are numbers, which as texts are the same."""
    assert did_you_mean("1", ["1", "2"]) == "Known: 1, 2."


def test_nothing_close_gives_only_what_is_known():
    assert did_you_mean("zebra", ["train", "val"]) == "Known: train, val."


def test_nothing_known_gives_nothing():
    assert did_you_mean("zebra", []) == ""
