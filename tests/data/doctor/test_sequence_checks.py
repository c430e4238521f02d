import cv2
import pytest


@pytest.fixture
def film(photo):
    """Return a function that makes frames of the images of a dataset: each shows a little more of another scene."""

    def show(dataset) -> None:
        paths = [str(record.image_path) for records in dataset.splits.values() for record in records]
        for number, path in enumerate(sorted(paths, key=lambda path: path.rpartition("_")[2])):
            share = 0.05 * number
            cv2.imwrite(path, cv2.addWeighted(photo(1001), 1 - share, photo(1002), share, 0))

    return show


NAMES = [f"street_{number:03}.png" for number in (1, 3, 5, 2, 4, 6)]


def test_a_video_in_two_splits(dataset_of, grid, found, film):
    dataset = dataset_of(names=NAMES, train=[grid(1)] * 3, val=[grid(1)] * 3)
    assert "divided-videos" not in found(dataset)  # numbered photos of different things
    film(dataset)
    (finding,) = found(dataset)["divided-videos"]
    assert (finding.split, finding.count) == ("train, val", 1)
    assert [example.image[-7:] for example in finding.examples[:2]] == ["001.png", "002.png"]


def test_a_video_in_one_split(dataset_of, grid, found, film):
    dataset = dataset_of(names=[*NAMES, "0.png"], train=[grid(1)] * 6, val=[grid(1)])
    film(dataset)
    assert "divided-videos" not in found(dataset)


def test_a_video_that_is_cut_once(dataset_of, grid, found, film):
    dataset = dataset_of(names=sorted(NAMES), train=[grid(1)] * 3, val=[grid(1)] * 3)
    film(dataset)
    assert "divided-videos" not in found(dataset)  # one pair of neighbours is as it has to be


@pytest.mark.parametrize(("name", "found_there"), [("a_jpg.rf.{}.png", True), ("a_{}.png", False)])
def test_versions_of_one_image(dataset_of, grid, found, name, found_there):
    names = [name.format(digits) for digits in ("0123abcd", "4567cdef")]
    by_code = found(dataset_of(names=names, train=[grid(1)], val=[grid(1)]))
    assert ("divided-versions" in by_code) == found_there
    if found_there:
        assert by_code["divided-versions"][0].count == 2


def test_names_without_numbers(dataset_of, grid, found):
    assert "divided-videos" not in found(dataset_of(names=["a.png", "b.png"], train=[grid(1)], val=[grid(1)]))
