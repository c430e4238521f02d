"""Lines and zones as they are given."""

import pytest

from detect.config import as_option
from detect.errors import BadInput
from detect.tracking.regions import read_regions


def test_pixels_and_per_cent():
    line, other = read_regions("line", ["0,100,200,100", " 50%, 0 ,50%,25.5%"])
    (zone,) = read_regions("zone", [(0, 0, 60, 0, 60.5, 80)])
    assert [region.name for region in (line, other, zone)] == ["line 1", "line 2", "zone 1"]
    assert line.points(320, 200).tolist() == [[0, 100], [200, 100]]
    assert other.points(320, 200).tolist() == [[160, 0], [160, 51]]
    assert zone.points(320, 200).tolist() == [[0, 0], [60, 0], [60.5, 80]]
    assert str(other) == "50%,0,50%,25.5%"


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,2,3,4", "1,2,3,4%%", "1,2,3,nan", "1,2,3,inf"])
def test_lines_that_are_none(text):
    with pytest.raises(BadInput, match=r"^line: expected x1,y1,x2,y2 in pixels, or with % in per cent"):
        read_regions("line", [text])


@pytest.mark.parametrize("text", ["1,2,3,4", "1,2,3,4,5,6,7"])
def test_zones_that_are_none(text):
    with pytest.raises(BadInput, match=f"--zone: expected .*, got '{text}'"):
        read_regions("zone", [text], as_option)


@pytest.mark.parametrize("text", ["0,0,321,0", "0,-1,5,5", "0,0,0,101%"])
def test_lines_that_leave_the_frames(text):
    (line,) = read_regions("line", [text])
    with pytest.raises(BadInput, match=f"line 1 leaves the frames, which have 320 x 200 pixels: {text}"):
        line.points(320, 200)


def test_a_line_without_length():
    (line,) = read_regions("line", ["50%,0,160,0"])
    with pytest.raises(BadInput, match="line 1 has no length"):
        line.points(320, 200)
