"""Names of models in requests and on the page."""

import pytest

from detect.errors import BadInput
from detect.serving.served_names import served_names


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["runs/a"], ["a"]),
        (["yolox-s-coco", "runs/b/"], ["yolox-s-coco", "b"]),
        (["runs/a/best", "runs/b/best"], ["a/best", "b/best"]),
        (["runs/a", "a"], ["runs/a", "a"]),
    ],
)
def test_names_are_short_and_tell_models_apart(given, names):
    assert served_names(given) == names


def test_a_model_given_twice():
    with pytest.raises(BadInput, match=r"given twice: runs/a, runs/a/\."):
        served_names(["runs/a", "runs/a/"])
