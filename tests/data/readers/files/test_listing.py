import json
import os

import pytest

from detect.data.readers.description import open_dataset
from detect.data.readers.files.listing import entries, is_file, is_folder, is_hidden, walk


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
    return [(os.path.relpath(parent, folder), names) for parent, names in walk(folder)]


def test_a_folder_is_listed_by_name(tree):
    assert [entry.name for entry in entries(tree)] == ["a.jpg", "b.jpg", "sub"]
    with pytest.raises(OSError, match="missing"):
        entries(tree / "missing")


def test_folders_are_walked_without_what_is_hidden(tree):
    assert relative(tree) == [(".", ["a.jpg", "b.jpg"]), ("sub", ["c.jpg"])]
    assert relative(tree / "missing") == []


def test_links_are_followed_but_not_back(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "d.jpg").touch()
    (tree / "sub" / "elsewhere").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(tree)
    for name in ("first", "second"):  # both lead to a folder that is walked by its own name
        (tree / name).symlink_to(tree / "sub")
    assert relative(tree) == [(".", ["a.jpg", "b.jpg"]), ("sub", ["c.jpg"]), ("sub/elsewhere", ["d.jpg"])]


def test_a_link_that_leads_to_itself_is_a_file(tmp_path):
    (tmp_path / "itself").symlink_to("itself")
    assert list(walk(tmp_path)) == [(str(tmp_path), ["itself"])]
    assert [(is_folder(entry), is_file(entry)) for entry in entries(tmp_path)] == [(False, False)]


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
    assert list(walk(tree, leave_out=tree / "sub")) == [(str(tree), ["a.jpg", "b.jpg"])]
    assert list(walk(tree, leave_out=tree / "missing")) == list(walk(tree))
