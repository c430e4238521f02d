"""Options in their groups."""

import pytest

from detect.errors import BadInput
from detect.inference.options import DetectionOptions, DrawingOptions, OutputOptions, grouped


def test_options_are_divided_among_their_groups():
    detection, drawing = grouped({"confidence": 0.5, "line_width": 3}, DetectionOptions, DrawingOptions)
    assert detection == DetectionOptions(confidence=0.5)
    assert drawing == DrawingOptions(line_width=3)


def test_an_unknown_option_is_named_with_the_nearest():
    with pytest.raises(BadInput, match=r"no option 'line_widht'\. Did you mean 'line_width'\?"):
        grouped({"line_widht": 3}, DetectionOptions, DrawingOptions)
    with pytest.raises(BadInput, match=r"no option 'line_width'\."):  # of a group that is not asked for
        grouped({"line_width": 3}, DetectionOptions)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"confidence": 25}, r"--confidence: expected a number from 0 to 1, got 25\. For 25 % give 0\.25\."),
        ({"max_detections": 0}, r"--max-detections: expected a whole number from 1 to 100000, got 0\."),
        ({"line_width": 2.5}, r"--line-width: expected a whole number from 1 to 1000, got 2\.5\."),
        ({"classes": ()}, r"--classes: expected names or numbers of classes, got none\."),
        ({"save_json": "r", "save_csv": "r"}, ".*r cannot hold two outputs"),
    ],
)
def test_values_that_cannot_be_used(values, message):
    from detect.config import as_option

    with pytest.raises(BadInput, match=f"^{message}"):
        grouped(values, DetectionOptions, DrawingOptions, OutputOptions, spelled=as_option)
