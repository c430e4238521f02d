import pytest

from detect.data.readers.images.locating import locate, locate_all, split_named


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("instances_train2017", "train"),
        ("instances_val2017", "val"),
        ("valid", "val"),
        ("valid_20of246", "val"),
        ("Validation-set", "val"),
        ("TEST", "test"),
        ("annotations", None),
        ("trainer", None),
        ("contest", None),
    ],
)
def test_splits_by_name(name, split):
    assert split_named(name) == split


@pytest.fixture
def tree(tmp_path):
    """data/img/a.jpg and data/lists, as darknet users have it."""
    (tmp_path / "data" / "img").mkdir(parents=True)
    (tmp_path / "data" / "lists").mkdir()
    (tmp_path / "data" / "img" / "a.jpg").touch()
    return tmp_path


@pytest.mark.parametrize(
    "stated",
    [
        "../img/a.jpg",
        "data/img/a.jpg",
        "img/a.jpg",
        "./img/./a.jpg",
        "img\\a.jpg",
        "C:\\Users\\me\\data\\img\\a.jpg",
        "D:/x64/Release/data/img/a.jpg",
        "/home/me/project/img/a.jpg",
        " img/a.jpg\r",
    ],
)
def test_paths_of_other_machines_are_found(tree, stated):
    assert locate(stated, tree / "data" / "lists") == tree / "data" / "img" / "a.jpg"


def test_paths_that_exist_are_taken_as_they_are(tree):
    path = tree / "data" / "img" / "a.jpg"
    assert locate(str(path), tree / "data" / "lists") == path


def test_a_name_alone_is_looked_for_in_the_nearest_folder_only(tree):
    assert locate("/elsewhere/a.jpg", tree / "data" / "img") == tree / "data" / "img" / "a.jpg"
    assert locate("/elsewhere/a.jpg", tree / "data" / "img" / "deeper") is None
    assert locate("", tree) is None


def test_a_folder_called_images_says_too_little(tree):
    (tree / "images").mkdir()
    assert locate("../valid/images", tree) is None
    assert locate("images", tree) == tree / "images"


def test_a_list_is_found_as_its_first_path_is(tree):
    stated = ["E:\\set\\data\\img\\a.jpg", "E:\\set\\data\\img\\missing.jpg"]
    paths, ways = locate_all(stated, tree / "data" / "lists")
    assert paths == [str(tree / "data" / "img" / name) for name in ("a.jpg", "missing.jpg")]
    assert len(ways) == 1
    assert f"relative to {tree}, without their beginning 'set'" in ways[0]


def test_spelling_counts_where_a_path_is_not_found_otherwise(tree):
    stated = ["img/a.jpg", "IMG\\A.JPG", "C:\\x\\img\\%61.jpg", "img/b.jpg"]
    paths, ways = locate_all(stated, tree / "data")
    assert paths == [str(tree / "data" / "img" / name) for name in ("a.jpg", "a.jpg", "a.jpg", "b.jpg")]
    assert ways == ["2 paths such as 'IMG\\\\A.JPG' are taken as 'img/a.jpg'"]


def test_a_list_that_is_right_needs_no_explanation(tree):
    assert locate_all(["a.jpg"], tree / "data" / "img") == ([str(tree / "data" / "img" / "a.jpg")], [])


def test_names_that_no_file_system_takes_are_not_found(tree):
    for stated in ("x" * 5000, "a\0b", "~nobody/a.jpg"):
        assert locate(stated, tree) is None
        assert locate_all([stated], tree) == ([str(tree / stated)], [])


def test_a_path_of_endless_folders(tmp_path):
    path = "b/" * 30_000 + "a.jpg"
    assert locate(path, tmp_path) is None
    assert locate_all([path], tmp_path) == ([str(tmp_path / path)], [])


def test_a_path_that_may_not_be_looked_up_is_where_it_would_be(tree, permissions_bind):
    """Unless it can be found elsewhere: without its beginning, it is in `img`."""
    closed = tree / "x"
    closed.mkdir(mode=0)
    assert locate("x/b.jpg", tree) == closed / "b.jpg"
    assert locate("x/img/a.jpg", tree / "data") == tree / "data" / "img" / "a.jpg"
    closed.chmod(0o755)
