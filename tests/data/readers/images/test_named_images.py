import tracemalloc
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detect.data.image_names import plain
from detect.data.readers.images.named_images import find_images
from detect.data.texts import Texts

FILES = (
    "a.jpg",
    "b.JPG",
    "my photo (1).jpg",
    "höhe.jpg",
    "100%.jpg",
    "Train/c.jpg",
    "Train/deep/d.jpg",
    "x.png",
    "X.png",
)


@pytest.fixture
def folder(tmp_path):
    for name in FILES:
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).touch()
    return tmp_path / "images"


def found_as(name: str, folder) -> tuple[str, bool, bool, bool]:
    result = find_images(Texts([name]), folder)
    return result.names[0], bool(result.found[0]), bool(result.respelt[0]), bool(result.cut[0])


@pytest.mark.parametrize("name", FILES)
def test_names_are_taken_as_they_stand(folder, name):
    assert found_as(name, folder) == (name, True, False, False)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("A.JPG", "a.jpg"),
        ("b.jpg", "b.JPG"),
        ("my%20photo%20%281%29.jpg", "my photo (1).jpg"),
        (unicodedata.normalize("NFD", "höhe.jpg"), "höhe.jpg"),
        ("h%C3%B6he.jpg", "höhe.jpg"),
        ("100%25.jpg", "100%.jpg"),
        ("train/C.jpg", "Train/c.jpg"),
        ("TRAIN\\Deep\\d.jpg", "Train/deep/d.jpg"),
    ],
)
def test_the_spelling_of_a_name_may_differ(folder, name, file):
    assert plain(name.replace("\\", "/")) == plain(file)
    assert found_as(name, folder) == (file, True, True, False)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("/home/me/images/a.jpg", "a.jpg"),
        ("C:\\data\\a.jpg", "a.jpg"),
        ("..\\label\\a.jpg", "a.jpg"),
        ("set/Train/deep/d.jpg", "Train/deep/d.jpg"),
        ("deep/a.jpg", "a.jpg"),
        ("https://host/b/o/a.jpg", "a.jpg"),
    ],
)
def test_leading_folders_are_cut_only_as_far_as_needed(folder, name, file):
    assert found_as(name, folder) == (file, True, False, True)


def test_both_at_once(folder):
    assert found_as("upload/1/My%20Photo%20(1).JPG", folder) == ("my photo (1).jpg", True, True, True)
    assert found_as("/data/local-files/?d=set%5Ca.jpg", folder) == ("a.jpg", True, True, True)


@pytest.mark.parametrize("name", ["./a.jpg", "Train\\c.jpg", "../images/a.jpg", "Train//c.jpg"])
def test_other_ways_to_write_a_path_are_no_difference(folder, name):
    file, *others = found_as(name, folder)
    assert (folder / file).resolve() == (folder / name.replace("\\", "/")).resolve()
    assert others == [True, False, False]


@pytest.mark.parametrize(
    "name", ["missing.jpg", "x.PNG", "Train", "a" * 300 + ".jpg", "a/" * 3000, "caf\udce9.jpg", "d.jpg"]
)
def test_what_is_missing_or_not_clear_is_not_found(folder, name):
    """`x.PNG` may be `x.png` or `X.png`."""
    assert found_as(name, folder) == (name, False, False, False)


def test_a_path_from_the_root_is_not_one_in_the_folder(folder):
    assert found_as("/a.jpg", folder) == ("a.jpg", True, False, False)


def test_a_path_that_exists_is_taken_from_wherever_it_is(folder, tmp_path):
    path = str(folder / "a.jpg")
    assert found_as(path, tmp_path / "elsewhere") == (path, True, False, False)


def test_each_name_is_found_in_its_own_way(folder):
    stated = ["old\\a.jpg", "b.JPG", "missing.jpg", "B.jpg", "Train/c.jpg"]
    result = find_images(Texts(stated), folder)
    assert list(result.names) == ["a.jpg", "b.JPG", "missing.jpg", "b.JPG", "Train/c.jpg"]
    np.testing.assert_array_equal(result.found, [True, True, False, True, True])
    np.testing.assert_array_equal(result.respelt, [False, False, False, True, False])
    np.testing.assert_array_equal(result.cut, [True, False, False, False, False])


WORDS = (
    "a.jpg",
    "A.JPG",
    "Train",
    "train",
    "deep",
    "d.jpg",
    "..",
    ".",
    "",
    "C:",
    "%61.jpg",
    "höhe.jpg",
    "\0",
    "x" * 300,
)


@given(names=st.lists(st.lists(st.sampled_from(WORDS), max_size=5).map("/".join), max_size=6))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_found_is_there_and_what_is_not_found_keeps_its_name(folder, names):
    result = find_images(Texts(names), folder)
    for stated, name, found in zip(names, result.names, result.found, strict=True):
        assert (folder / name).is_file() if found else name == stated
    assert not (result.respelt | result.cut)[~result.found].any()


def test_nothing_named_nothing_found(folder):
    assert len(find_images(Texts(), folder).names) == 0
    assert not find_images(Texts(["a.jpg"]), folder / "missing").found.any()


def test_names_as_stated_take_one_listing_of_their_folder(folder, listings):
    find_images(Texts(["a.jpg", "b.JPG"]), folder)
    assert sum(listings.values()) == 1


def test_all_other_spellings_share_one_listing_of_the_files_and_one_of_the_folders(folder, listings):
    names = ["B.JPG", "old/1a2b3c4d-a.jpg", "train/C.jpg", "train/Deep/1.jpg", "missing/1.jpg", "missing/2/3.jpg"]
    assert find_images(Texts(names), folder).found.tolist() == [True, True, True, False, False, False]
    counts = Counter[Path]()
    for path, count in listings.items():
        counts[Path(path)] += count
    assert counts[folder] == 3  # with the one for the names as stated
    assert counts[folder / "Train"] == 2  # as stated it is "train", which is not there


def test_names_as_stated_are_found_in_less_than_fifty_bytes_each(tmp_path):
    """Two hashes of 8 bytes, two places of 8, and what a growing array holds ready; `np.isin` takes 90."""
    names = Texts(f"{number}.jpg" for number in range(2_000))
    for name in names:
        (tmp_path / name).touch()
    tracemalloc.start()
    assert find_images(names, tmp_path).found.all()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 50 * len(names)
