"""Properties of every reader. A new one is tested as soon as its file is there, and its row in `small_sets.SETS`."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sets import CLASSES, EXPORTS, HEIGHT, SETS, TRUTH, WIDTH, SmallSet

from detect.data.curation.converting import convert
from detect.data.dataset import Dataset
from detect.data.readers import readers
from detect.data.readers.description import open_dataset
from detect.data.readers.files.listing import Folder
from detect.data.writers import writers
from detect.data.writers.features import IGNORED
from detect.errors import BadInput

FORMS = {form.name: name for name, reader in readers().items() for form in (*reader.files, *reader.folders)}
FILES = [file for reader in readers().values() for file in reader.files]
FOLDERS = [folder for reader in readers().values() for folder in reader.folders]

# In place of a word of an annotation file.
WORDS = (
    *("", "-1", "0", "1.5", "1e999", "-1e999", "nan", "9" * 30, "9" * 5000, "0x10", "2024-13-45", "true", "null", "~"),
    *('"', "'", "[]", "{}", "[1, 2]", '{"a": 1}', '"\\u0000"', '"\\ud800"', "é", "\ufeff", "\0", "\x1b[31m", "\n\n"),
    *("..", "/", "~nobody/x", "C:\\x\\y", "x" * 5000, "*", "&x", "<<: 1", "!!python/none", "- a", "#", ": : :", "%"),
    *("[" * 3000, "{'a':" * 3000, '{"a":' * 3000, "<a>" * 3000, "</object>", "<object>", "<![CDATA[", "&lt;", "&none;"),
)


@pytest.fixture(params=[*sorted(FORMS), *sorted(EXPORTS)])
def small(request) -> SmallSet:
    if request.param in EXPORTS:
        return EXPORTS[request.param]
    if request.param not in SETS:
        pytest.fail(
            f"the reader {FORMS[request.param]!r} accepts {request.param}, of which there is no small set: "
            "add it to SETS in tests/data/readers/small_sets.py"
        )
    return SETS[request.param]


def assert_is_truth(dataset: Dataset, small: SmallSet) -> None:
    assert dataset.classes == ((small.only_class,) if small.only_class else CLASSES)
    assert set(dataset.splits) == set(small.splits)
    for split, records in dataset.splits.items():
        assert [record.image_path.name for record in records] == list(TRUTH[split])
        for record, stated in zip(records, TRUTH[split].values(), strict=True):
            boxes = [box for box in stated if small.states_ignored or not box.ignore]
            assert (record.width, record.height) == (WIDTH, HEIGHT)
            np.testing.assert_allclose(record.boxes, np.reshape([box[1:5] for box in boxes], (-1, 4)), atol=1e-5)
            assert record.labels.tolist() == [0 if small.only_class else box.label for box in boxes]
            assert record.ignore.tolist() == [box.ignore for box in boxes]
            areas = [(box.x2 - box.x1) * (box.y2 - box.y1) for box in boxes]
            np.testing.assert_allclose(record.areas, areas, rtol=1e-5)


def test_the_same_truth_gives_the_same_records(small, tmp_path):
    dataset = open_dataset(small.write(tmp_path))
    assert_is_truth(dataset, small)
    assert not any(problems.counts for problems in dataset.problems.values())


@pytest.mark.parametrize("format", sorted(writers()))
def test_what_is_read_is_written_and_read_again(small, format, tmp_path):
    (tmp_path / "data").mkdir()
    convert(open_dataset(small.write(tmp_path / "data")), format, tmp_path / "written")
    states_ignored = small.states_ignored and writers()[format].holds(IGNORED)
    assert_is_truth(open_dataset(tmp_path / "written"), small._replace(states_ignored=states_ignored))


def test_a_folder_is_recognised_as_what_it_holds(small, tmp_path):
    """Wrapped as in an archive."""
    small.write(tmp_path / "wrapped")
    assert_is_truth(open_dataset(tmp_path), small)


def test_only_one_form_recognises_a_dataset(small, tmp_path):
    path = small.write(tmp_path)
    if path.is_file():
        found = [file.name for file in FILES if path.suffix in file.suffixes and file.recognises(path)]
    else:
        found = [folder.name for folder in FOLDERS if folder.recognises(Folder(path))]
    assert len(found) == 1
    assert small in EXPORTS.values() or SETS[found[0]] == small


def test_a_format_is_recognised_by_the_beginning_of_a_file(tmp_path):
    """Of a file with a member for each image, no reader but its own reads to the end, where this one is malformed."""
    path = tmp_path / "train.json"
    path.write_text("{" + "".join(f'"{number}": {{}}, ' for number in range(1000)) + "}")
    assert not [form.name for form in FILES if ".json" in form.suffixes and form.recognises(path)]


def test_all_readers_share_the_listing_of_a_folder(small, tmp_path, listings):
    """However many formats there are."""
    small.write(tmp_path)
    listings.clear()
    folder = Folder(tmp_path)
    for form in FOLDERS:
        form.recognises(folder)
    assert listings[str(tmp_path)] == 1
    assert set(listings.values()) == {1}


def test_a_bad_annotation_is_reported_with_its_place_and_the_others_stay(small, tmp_path):
    path = small.write(tmp_path)
    place = small.spoil(tmp_path)
    dataset = open_dataset(path)
    (problem,) = dataset.problems["train"]
    assert re.match(re.escape(place) + r"\b", problem.where), problem.where
    assert problem.action == "dropped"
    assert dataset.problems["train"].lost_boxes == 1
    counts = {record.image_path.name: len(record.boxes) for record in dataset.splits["train"]}
    stated = {
        name: sum(small.states_ignored or not box.ignore for box in boxes) for name, boxes in TRUTH["train"].items()
    }
    assert counts == {**stated, "c.png": 0}


def test_a_missing_image_is_reported(small, tmp_path):
    if not small.images_are_files:
        pytest.skip("its images lie within its annotation files")
    path = small.write(tmp_path)
    (image,) = tmp_path.rglob("c.png")
    if small.lists_images:
        image.unlink()
        dataset = open_dataset(path)
        (problem,) = dataset.problems["train"]
        assert (problem.kind, dataset.problems["train"].lost_images) == ("missing image", 1)
    image.write_bytes(b"not an image")
    dataset = open_dataset(path)
    (problem,) = dataset.problems["train"]
    assert problem.kind == "unreadable image"
    assert str(image) in str(problem)
    others = [name for name in TRUTH["train"] if name != "c.png"]
    assert [record.image_path.name for record in dataset.splits["train"]] == others


def test_exports_of_many_tools_are_read():
    tools = {name.split(",")[0] for name in EXPORTS}
    assert len(tools) >= 12
    assert sum(map(len, TRUTH.values())) == 8


def read_or_refuse(path: Path) -> None:
    """Open what may be a dataset: either it is one, or `BadInput` names the file or the folder."""
    try:
        dataset, refusal = open_dataset(path), ""
    except BadInput as error:
        dataset, refusal = None, str(error)
    if dataset is None:
        assert str(path.parent if path.is_file() else path) in refusal
    else:
        assert dataset.splits
        assert dataset.digest()


def annotation_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".png"]


def test_empty_and_binary_files(small, tmp_path):
    path = small.write(tmp_path)
    for file in annotation_files(tmp_path):
        whole = file.read_bytes()
        for content in (b"", b"\n", b"\0" * 64, bytes(range(256)), b"\xff\xfe\x00\xd8", b"PK\x03\x04"):
            file.write_bytes(content)
            read_or_refuse(path)
        file.write_bytes(whole)


def test_files_that_are_folders_or_gone(small, tmp_path):
    path = small.write(tmp_path)
    for file in annotation_files(tmp_path):
        if file == path:
            continue
        whole = file.read_bytes()
        file.unlink()
        read_or_refuse(path)
        file.mkdir()
        read_or_refuse(path)
        file.rmdir()
        file.write_bytes(whole)
    shutil.rmtree(tmp_path)
    with pytest.raises(BadInput, match="does not exist"):
        open_dataset(path)


@pytest.mark.parametrize("form", [*sorted(SETS), *sorted(EXPORTS)])
def test_nothing_raises_but_bad_input(form, tmp_path_factory):
    """One file is truncated, or bytes or a word of it are replaced by others."""
    folder = tmp_path_factory.mktemp("broken")
    path = (SETS | EXPORTS)[form].write(folder)
    files = {file: file.read_bytes() for file in annotation_files(folder)}

    @settings(max_examples=25, deadline=None)
    @given(st.data())
    def check(data):
        file = data.draw(st.sampled_from([file for file, content in files.items() if content]))
        file.write_bytes(
            data.draw(st.sampled_from([truncated, with_other_bytes, with_another_word]))(data, files[file])
        )
        try:
            read_or_refuse(path)
        finally:
            file.write_bytes(files[file])

    check()


def truncated(data: st.DataObject, content: bytes) -> bytes:
    return content[: data.draw(st.integers(0, len(content) - 1))]


def with_other_bytes(data: st.DataObject, content: bytes) -> bytes:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    return content[:start] + data.draw(st.binary(max_size=40)) + content[end:]


def with_another_word(data: st.DataObject, content: bytes) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    word = data.draw(st.sampled_from([*re.finditer(r"[\w.]+|[^\w\s]", text)]))
    other = text[: word.start()] + data.draw(st.sampled_from(WORDS)) + text[word.end() :]
    return other.encode("utf-8", "surrogateescape")
