import json
import os

import pytest

from detect.data.readers.description import open_dataset
from detect.data.readers.files.listing import Folder, is_hidden, unordered_names


@pytest.mark.parametrize(
    "name",
    ["._a.jpg", ".DS_Store", ".ipynb_checkpoints", "__MACOSX", "Thumbs.db", "thumbs.db", "desktop.ini", "@eaDir"],
)
def test_files_of_systems_and_programs_are_hidden(name):
    assert is_hidden(name)


@pytest.mark.parametrize("name", ["a.jpg", "_a.jpg", "a.b.jpg", "MACOSX", "thumbs.jpg", "train"])
def test_other_files_are_not(name):
    assert not is_hidden(name)


@pytest.fixture
def tree(tmp_path):
    """Images in two levels, each with a copy that macOS or Jupyter has left there."""
    for name in ("b.jpg", "a.jpg", "._a.jpg", "sub/c.jpg", "sub/.ipynb_checkpoints/c-checkpoint.jpg", "__MACOSX/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def relative(folder) -> list[tuple[str, list[str]]]:
    return [(os.path.relpath(parent, folder), names) for parent, names in Folder(folder).walk()]


def test_a_folder_is_listed_by_name(tree):
    (tree / "B.JPG").symlink_to("a.jpg")
    (tree / "nowhere.jpg").symlink_to("missing.jpg")
    folder = Folder(tree)
    assert folder.names == ["B.JPG", "a.jpg", "b.jpg", "nowhere.jpg"]
    assert folder.files == ["B.JPG", "a.jpg", "b.jpg"]
    assert list(folder.files_with((".jpg",))) == [tree / "B.JPG", tree / "a.jpg", tree / "b.jpg"]
    assert [inside.path for inside in folder.folders] == [tree / "sub"]
    assert folder.inside("sub").names == ["c.jpg"]
    assert not folder.error


@pytest.mark.parametrize(("name", "why"), [("missing", "No such file"), ("a.jpg", "Not a directory"), ("a\0b", "null")])
def test_what_cannot_be_listed_is_empty(tree, name, why):
    folder = Folder(tree / name)
    assert why in folder.error
    assert (folder.names, folder.folders, list(folder.walk())) == ([], [], [])


def test_a_folder_is_listed_once(tree, listings):
    folder = Folder(tree)
    for _ in range(2):
        assert folder.files
        assert folder.folders[0].names == folder.inside("sub").names == ["c.jpg"]
        assert len(list(folder.walk())) == 2
    assert listings == {str(tree): 1, str(tree / "sub"): 1}


def test_what_is_only_walked_is_not_kept(tree, listings):
    folder = Folder(tree)
    for _ in range(2):
        assert len(list(folder.walk())) == 2
    assert listings == {str(tree): 1, str(tree / "sub"): 2}


def test_folders_are_walked_without_what_is_hidden(tree):
    assert relative(tree) == [(".", ["a.jpg", "b.jpg"]), ("sub", ["c.jpg"])]
    assert relative(tree / "missing") == []


def test_names_can_be_had_one_at_a_time(tree):
    assert sorted(unordered_names(tree)) == Folder(tree).names == ["a.jpg", "b.jpg"]
    assert not list(unordered_names(tree / "missing"))


def test_links_are_followed_but_not_back(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "d.jpg").touch()
    (tree / "sub" / "elsewhere").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(tree)
    for name in ("first", "second"):  # both lead to a folder that is walked by its own name
        (tree / name).symlink_to(tree / "sub")
    assert relative(tree) == [(".", ["a.jpg", "b.jpg"]), ("sub", ["c.jpg"]), ("sub/elsewhere", ["d.jpg"])]


def test_a_link_that_leads_to_itself_is_neither_file_nor_folder(tmp_path):
    (tmp_path / "itself").symlink_to("itself")
    folder = Folder(tmp_path)
    assert list(folder.walk()) == [(str(tmp_path), ["itself"])]
    assert (folder.folders, folder.files) == ([], [])


def test_a_dataset_is_read_beside_a_link_that_leads_to_itself(tmp_path, write_image):
    (tmp_path / "itself").symlink_to("itself")
    write_image(tmp_path / "a.jpg")
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9]}
    image = {"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}
    content = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": "bus"}]}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    for source in (tmp_path, tmp_path / "boxes.json"):
        assert len(open_dataset(source).splits["train"]) == 1


def test_a_folder_can_be_left_out(tree):
    folder = Folder(tree)
    assert list(folder.walk(leave_out=tree / "sub")) == [(str(tree), ["a.jpg", "b.jpg"])]
    assert list(folder.walk(leave_out=tree / "missing")) == list(folder.walk())
