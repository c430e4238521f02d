import numpy as np
import pytest

from detect.data.joining import repeats
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.checking import check

BOX, OTHER = (0.0, 0.0, 10.0, 10.0), (5.0, 5.0, 20.0, 20.0)


@pytest.fixture
def read(tmp_path, write_image):
    """Return a function that checks images with these names, whose boxes have the given labels."""

    def read(*images: tuple[str, list[tuple]]):
        stated = Annotations("x.json", lambda row: f"image {row}", lambda number: f"box {number}", folder=str(tmp_path))
        for name, boxes in images:
            write_image(tmp_path / name)
            row = stated.add_image(name, 100 + len(stated.images))
            for label, box in boxes:
                stated.add_box(row, box, label)
        return check(stated), stated.problems

    return read


def test_an_image_that_is_named_twice_with_the_same_boxes_is_one(read):
    records, problems = read(
        ("a.jpg", [(0, BOX), (1, OTHER)]), ("b.jpg", []), ("a.jpg", [(1, OTHER), (0, BOX), (0, BOX)])
    )
    assert [record.image_id for record in records] == [100, 101]
    assert records.labels.tolist() == [0, 1]
    assert problems.counts == {"duplicate image": 1, "duplicate box": 3}
    assert str(next(iter(problems))).startswith("image 2: ")
    assert str(next(iter(problems))).endswith("a.jpg is already named by image 0; joined with the first")
    assert problems.lost_share() == 0


@pytest.mark.parametrize("spelling", ["./a.jpg", "x/../a.jpg", ".//a.jpg"])
def test_an_image_whose_path_is_written_in_two_ways_is_one(read, spelling):
    read(("x/b.jpg", []))  # so that the folder is there
    records, problems = read(("a.jpg", [(0, BOX)]), (spelling, [(0, BOX)]))
    assert len(records) == 1
    assert problems.counts == {"duplicate image": 1, "duplicate box": 1}


@pytest.mark.parametrize("others", [[(0, OTHER)], [(1, BOX)], [(0, BOX), (0, OTHER)], []])
def test_different_boxes_are_those_of_several_images_and_lost(read, others):
    records, problems = read(("a.jpg", [(0, BOX)]), ("b.jpg", [(0, BOX)]), ("a.jpg", others), ("a.jpg", [(0, BOX)]))
    assert [record.image_path.name for record in records] == ["b.jpg"]
    assert problems.counts == {"one image with different boxes": 3}
    assert (problems.images_total, problems.lost_images) == (4, 3)
    assert (problems.boxes_total, problems.lost_boxes) == (3 + len(others), 2 + len(others))
    places = [(problem.where, problem.what.split("a.jpg ")[1]) for problem in problems]
    assert places == [(f"image {row}", f"is already named by image {other}") for row, other in [(0, 2), (2, 0), (3, 0)]]


def test_nothing_is_left_of_frames_with_the_names_of_others(read):
    frames = [(f"{frame}.jpg", [(0, (video, 0.0, 10.0, 10.0))]) for video in range(3) for frame in range(4)]
    records, problems = read(*frames)
    assert len(records) == 0
    assert problems.lost_share() == 1


def test_rows_that_repeat_earlier_ones():
    random = np.random.default_rng(0)
    keys = [random.integers(0, 3, 100), random.integers(0, 3, 100).astype(float), random.integers(0, 2, 100) > 0]
    rows = list(zip(*(key.tolist() for key in keys), strict=True))
    assert repeats(keys).tolist() == [row in rows[:position] for position, row in enumerate(rows)]
    assert repeats([np.zeros(0)]).tolist() == []
