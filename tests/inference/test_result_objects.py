"""A result as a sequence of objects, and as a picture in a notebook."""

import numpy as np
import pytest

from detect.data.pixels.images import decode_image
from detect.errors import BadInput
from detect.inference.drawing import draw
from detect.inference.options import DrawingOptions
from detect.inference.result import Result
from detect.inference.sources.frames import Frame, Source

BOXES = np.float32([[10, 20, 30, 50], [0, 0, 5.5, 6]])


def result(height: int = 60, width: int = 40, count: int = 2) -> Result:
    """Return a dog, and a cat that is less certain, or the first `count` of them."""
    frame = Frame(Source("a.jpg", "image", "a", "a.jpg"), np.zeros((height, width, 3), np.uint8), width, height)
    return Result(BOXES[:count], np.float32([0.9, 0.25])[:count], np.int32([1, 0])[:count], ("cat", "dog"), frame)


def test_a_result_is_a_sequence_of_objects():
    found = result()
    dog, cat = found
    assert (dog.name, dog.box, dog.label) == ("dog", (10, 20, 30, 50), 1)
    assert (found[0], found[-1], found[np.int64(1)]) == (dog, cat, cat)
    assert str(found).splitlines() == [repr(found), "  dog 90% at 10, 20, 30, 50", "  cat 25% at 0, 0, 6, 6"]
    with pytest.raises(IndexError):
        found[2]


@pytest.mark.parametrize("which", [slice(1, None), np.array([False, True]), [False, True], [1], np.array([1])])
def test_parts_of_a_result_are_results_in_the_same_image(which):
    found = result()
    assert found[which].names == ["cat"]
    assert found[which].frame is found.frame
    assert len(found[[]]) == 0


def test_objects_are_chosen_by_class_and_confidence():
    found = result()
    assert found.filter("cat").names == ["cat"]
    assert found.filter(["dog", "cat"], confidence=0.25).names == ["dog"]
    assert found.filter(confidence=0.1).names == ["dog", "cat"]
    assert result(count=0).filter("dog").names == []
    with pytest.raises(BadInput, match=r"no class 'cot'. Did you mean 'cat'"):
        found.filter("cot")


@pytest.mark.parametrize(("size", "shown"), [((60, 40), (60, 40)), ((600, 4096), (150, 1024))])
def test_notebooks_show_the_boxes_in_an_image_of_moderate_size(size, shown):
    image = decode_image(result(*size)._repr_jpeg_(), "what is shown")
    assert image.shape == (*shown, 3)
    assert image.any()


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([], "nothing found"),
        ([1], "1 dog"),
        ([0, 1, 1], "2 dogs, 1 bus"),
        ([0, 0, 2, 2, 3, 3, 3], "3 benches, 2 buses, 2 skis"),
    ],
)
def test_what_was_found_in_words(labels, text):
    count, frame = len(labels), result().frame
    classes = ("bus", "dog", "skis", "bench")
    assert Result(np.zeros((count, 4)), np.ones(count), np.int32(labels), classes, frame).verbose == text


def test_options_of_drawing():
    found, options = result(), {"line_width": 3, "hide_scores": True}
    drawn = draw(found.image, found.boxes, found.labels, found.classes, found.scores, options=DrawingOptions(**options))
    assert np.array_equal(found.plot(**options), drawn)
    assert not np.array_equal(found.plot(), drawn)
    with pytest.raises(BadInput, match=r"no option 'linewidth'\. Did you mean 'line_width'"):
        found.plot(linewidth=3)
