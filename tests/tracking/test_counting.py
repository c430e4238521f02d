"""Counts at lines and zones, of objects whose way is known."""

import numpy as np
import pytest

from detect.tracking.counting import Counts
from detect.tracking.regions import read_regions

SIZE = 100, 100  # of the frames, pixels


def run(places, lines=(), zones=(), labels=None, seconds=0.1, side=4):
    """Count objects that stand at `places[frame][identity]`; None where one is not found. Returns counts, crossings."""
    counts, found = Counts([*read_regions("line", lines), *read_regions("zone", zones)], *SIZE), []
    for frame, row in enumerate(places):
        ids = [identity for identity, place in enumerate(row) if place]
        boxes = np.array(
            [[x - side / 2, y - 2 * side, x + side / 2, y] for x, y in filter(None, row)], np.float32
        ).reshape(-1, 4)
        kinds = np.array([labels[identity] if labels else 0 for identity in ids], np.int32)
        crossings = counts.update(boxes, kinds, np.array(ids, np.int64), frame * seconds)
        found += [(frame, *crossing) for crossing in crossings]
    return counts.regions, found


def walk(*places):
    """The way of one object."""
    return [[place] for place in places]


def test_a_line_is_crossed_in_from_the_right_of_its_direction():
    """Drawn from left to right, what moves up comes in: up is to the left of somebody who walks to the right."""
    up = [(50, y) for y in (80, 70, 60, 40, 30, 20)]
    (line,), found = run(walk(*up), lines=["0,50,100,50"])
    assert found == [(4, "line 1", 0, 0, "in")]  # two frames on the other side
    assert (dict(line.entered), dict(line.left), line.inside) == ({0: 1}, {}, None)
    (line,), found = run(walk(*reversed(up)), lines=["0,50,100,50"])
    assert [crossing[-1] for crossing in found] == ["out"]
    (line,), found = run(walk(*up), lines=["100,50,0,50"])
    assert [crossing[-1] for crossing in found] == ["out"]


def test_beyond_the_ends_of_a_line_nothing_counts():
    _, found = run(walk(*[(50, y) for y in (80, 70, 60, 40, 30, 20)]), lines=["60,50,100,50"])
    assert found == []


def test_a_box_that_trembles_does_not_count():
    """Neither one that jumps, nor one that stands on the line, within a tenth of its width."""
    zone = "0,0,100,0,100,50,0,50"
    for trembling in ([55, 45], [53] * 5 + [47] * 5):
        _, found = run(walk(*((50, y) for y in trembling * 5)), lines=["0,50,100,50"], zones=[zone], side=40)
        assert found == []


def test_who_crosses_while_hidden_counts_when_found_again():
    places = [(50, 70), (50, 65), (50, 60), None, None, None, None, (50, 40), (50, 35)]
    _, found = run(walk(*places), lines=["0,50,100,50"], zones=["0,0,100,0,100,50,0,50"])
    assert found == [(8, "line 1", 0, 0, "in"), (8, "zone 1", 0, 0, "in")]


def test_a_zone_is_entered_and_left():
    """By its border or by appearing in it; one that is not seen any more has not left, and is not inside."""
    zone = "40,40,60,40,60,60,40,60"
    through = [(x, 50) for x in (10, 30, 45, 55, 70, 90)]
    appears = [None, (50, 50), (50, 50), None, None, None]
    (region,), found = run([list(row) for row in zip(through, appears, strict=True)], zones=[zone], labels=[0, 1])
    assert found == [(2, "zone 1", 1, 1, "in"), (3, "zone 1", 0, 0, "in"), (5, "zone 1", 0, 0, "out")]
    assert (dict(region.entered), dict(region.left)) == ({0: 1, 1: 1}, {0: 1})
    assert dict(region.inside) == {1: 1}  # half a second ago
    later = [*appears, *[None] * 10]
    (region,), _ = run(walk(*later), zones=[zone])
    assert (region.entered.total(), region.left.total(), region.inside.total()) == (1, 0, 0)


def test_a_zone_up_to_the_edge_of_the_frames():
    (region,), _ = run(walk(*[(100, 100)] * 3, (0, 100)), zones=["50%,50%,100%,50%,100%,100%,50%,100%"])
    assert dict(region.entered) == {0: 1}


def test_classes_and_regions_are_counted_separately():
    up, down = [(20, y) for y in (70, 60, 40, 30, 20)], [(80, y) for y in (30, 40, 60, 70, 80)]
    rows = [list(row) for row in zip(up, down, [(x + 5, y) for x, y in up], strict=True)]
    (line, other), found = run(rows, lines=["0,50,100,50", "50,50,100,50"], labels=[3, 3, 7])
    assert (dict(line.entered), dict(line.left)) == ({3: 1, 7: 1}, {3: 1})
    assert (dict(other.entered), dict(other.left)) == ({}, {3: 1})
    assert len(found) == 4


def test_nothing_is_counted_without_regions():
    assert run(walk((1, 2), (3, 4))) == ([], [])


@pytest.mark.parametrize("frames", [[], [[None]], [[None]] * 30])
def test_no_objects(frames):
    regions, found = run(frames, lines=["0,50,100,50"], zones=["0,0,9,0,9,9"])
    assert found == []
    assert [region.entered.total() for region in regions] == [0, 0]
