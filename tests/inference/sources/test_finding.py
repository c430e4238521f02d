"""Everything that can be given as a source, and the frames that are read from it."""

import io
import os
import warnings
import weakref

import numpy as np
import pytest
from PIL import Image

from detect.errors import BadInput
from detect.inference.image_files import write_image
from detect.inference.sources import finding
from detect.inference.sources.finding import find_sources, read_frames
from detect.inference.sources.folders import natural_key

GREY = np.full((8, 12, 3), 90, np.uint8)


@pytest.fixture
def folder(tmp_path):
    for name in ("10.png", "2.jpg", "b/1.png", "b/deeper/ß 漢.png", ".hidden/3.png", ".4.png"):
        write_image(tmp_path / name, GREY)
    return tmp_path


def names(sources) -> list[str]:
    return [source.name for source in sources]


def test_folders_are_searched_in_natural_order_without_hidden_files(folder):
    assert names(find_sources(folder)) == ["2", "10", "b/1", "b/deeper/ß 漢"]
    assert names(find_sources(str(folder))) == names(find_sources(folder))


def test_a_folder_of_outputs_is_left_out(folder):
    assert names(find_sources(folder, leave_out=folder / "b")) == ["2", "10"]
    assert names(find_sources(f"{folder}/**/*.png", leave_out=folder / "b")) == ["10"]
    assert names(find_sources(folder / "b", leave_out=folder)) == ["1", "deeper/ß 漢"]
    assert names(find_sources(f"{folder}/b/*.png", leave_out=folder)) == ["1"]


def test_globs_keep_the_folders_after_their_first_wildcard(folder):
    assert names(find_sources(f"{folder}/*.png")) == ["10"]
    assert names(find_sources(f"{folder}/**/*.png")) == ["10", "b/1", "b/deeper/ß 漢"]


def test_an_image_within_a_file_is_found(tmp_path):
    write_image(tmp_path / "b.png", GREY)
    encoded = (tmp_path / "b.png").read_bytes()
    (tmp_path / "all.tfrecord").write_bytes(b"x" + encoded)
    (source,) = find_sources(tmp_path / "all.tfrecord" / f"1+{len(encoded)}" / "b.png")
    assert (source.name, source.kind) == ("b", "image")
    (frame,) = read_frames([source], pytest.fail)
    assert frame.image.shape == GREY.shape


def test_outputs_of_a_glob_that_leads_out_of_its_folder_stay_below_theirs(tmp_path):
    for name in ("in/a", "in/b"):
        (tmp_path / name).mkdir(parents=True)
    write_image(tmp_path / "x.png", GREY)
    sources = find_sources(f"{tmp_path}/in/*/../../x.png")
    assert [source.name for source in sources] == ["a/x", "b/x"]


def test_a_file_may_look_like_a_glob(tmp_path):
    write_image(tmp_path / "a[1].png", GREY)
    assert names(find_sources(tmp_path / "a[1].png")) == ["a[1]"]


def test_names_are_unique(tmp_path):
    for name in ("a/1.png", "b/1.png", "b/1.jpg", "b/1-2.png"):
        write_image(tmp_path / name, GREY)
    given = [tmp_path / "a/1.png", tmp_path / "b/1.png", tmp_path / "b/1.jpg", tmp_path / "b/1-2.png"]
    assert names(find_sources(given)) == ["1", "1-2", "1-3", "1-2-2"]


def test_an_image_that_is_called_as_the_frame_of_a_video_is_renamed(tmp_path):
    for name in ("clip-000000.png", "clip-1.png", "other-000000.png"):
        write_image(tmp_path / name, GREY)
    (tmp_path / "clip.mp4").touch()
    assert names(find_sources(tmp_path)) == ["clip-000000-2", "clip-1", "clip", "other-000000"]


@pytest.mark.parametrize(
    ("text", "kind", "name", "shown"),
    [
        ("0", "camera", "camera-0", "camera 0"),
        ("rtsp://me:secret@host:554/live/main", "camera", "main", "rtsp://host:554/live/main"),
        ("rtsp://host", "camera", "host", "rtsp://host"),
        ("https://host/a%20b/street%20view.JPG?size=2", "image", "street-view", None),
        ("http://me:secret@host/clip.mp4", "video", "clip", "http://host/clip.mp4"),
    ],
)
def test_addresses_and_cameras(text, kind, name, shown):
    (source,) = find_sources(text)
    assert (source.address, source.kind, source.name, source.shown) == (text, kind, name, shown or text)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nothing.jpg", "There is no file or folder 'nothing.jpg'"),
        ("*.jpg", r"No image or video matches '\*.jpg'"),
        ("ftp://host/a.jpg", "URLs of type 'ftp' cannot be read"),
        ([], "No source was given"),
        (["0", np.zeros((4, 4, 3), np.uint8)], "give it alone"),
        (3.5, "An object of type float is not a source"),
        (0, 'The number 0 is not a source. The index of a camera is a text: "0"'),
        ("", "'' is not a source. .* is a variable of your shell empty"),
        (["a.jpg", ""], "There is no file or folder 'a.jpg'"),
        ("a\0.jpg", "is not a source"),
        ("x" * 300 + ".jpg", r"There is no file or folder 'x{100}\.\.\.'"),
        ("data:image/jpeg;base64,/9j/", "Decode what follows its comma"),
        ("http://[::1/x.jpg", "is not a URL: Invalid IPv6 URL"),
        ("~nobody-of-this-name/a.jpg", "There is no file or folder"),
        (b"", "it is empty"),
        (io.BytesIO(b"text"), "not an image of a known format"),
        (io.StringIO("text"), "open as text"),
        (np.zeros((0, 5), np.uint8), r"got \[0, 5\]"),
        (np.zeros((0, 5, 3), np.uint8), r"got \[0, 5, 3\]"),
        (np.zeros((4, 4, 3)), "uint8 values 0..255, got float64"),
        (np.zeros((4, 4, 4), np.uint8), r"\[height, width, 3\] .*, got \[4, 4, 4\]"),
    ],
)
def test_what_cannot_be_a_source(given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=message):
        find_sources(given)


def test_files_of_other_types_and_empty_folders(tmp_path):
    (tmp_path / "table.csv").write_text("1")
    with pytest.raises(BadInput, match=r"table\.csv: files of type \.csv cannot be read. Known: .*\.jpg.*\.mp4"):
        find_sources(tmp_path / "table.csv")
    with pytest.raises(BadInput, match="contain no images or videos"):
        find_sources(tmp_path)


def test_folders_that_may_not_be_read_are_named(folder, permissions_bind):
    said, locked = [], folder / "b"
    locked.chmod(0)
    try:
        assert find_sources(folder, note=said.append)
        with pytest.raises(BadInput, match=f"{locked}: the folder cannot be read: Permission denied"):
            find_sources(locked)
    finally:
        locked.chmod(0o755)
    assert said[0] == f"{locked}: the folder cannot be read: Permission denied."


def test_files_that_are_left_out_are_counted_by_type(folder):
    for name in ("a.HEIF2", "b/b.heif2", "c.txt"):
        (folder / name).write_text("")
    said = []
    find_sources([folder, f"{folder}/*.*", folder / "2.jpg"], note=said.append)
    assert said == [
        f"{folder}: left out 3 files of types that cannot be read (.heif2, .txt).",
        f"{folder}/*.*: left out 2 files of types that cannot be read (.heif2, .txt).",
    ]
    (folder / "only").mkdir()
    (folder / "only" / "README").write_text("")
    with pytest.raises(
        BadInput, match=r"no images or videos, only 1 file of a type that cannot be read \(without suffix"
    ):
        find_sources(folder / "only")


def test_linked_folders_are_read_once_and_never_loop(tmp_path):
    write_image(tmp_path / "real" / "1.png", GREY)
    write_image(tmp_path / "given" / "2.png", GREY)
    for name, target in (("back", tmp_path / "given"), ("link", tmp_path / "real"), ("second", tmp_path / "real")):
        os.symlink(target, tmp_path / "given" / name)
    os.symlink("itself", tmp_path / "given" / "itself")
    said = []
    assert names(find_sources(tmp_path / "given", note=said.append)) == ["2", "link/1"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a"], ["1.png", "b/1.png"]),
        (["a", "c"], ["a/1.png", "a/b/1.png", "c/1.png"]),
        (["a/1.png", "c/1.png"], ["a/1.png", "c/1.png"]),
        (["a/1.png", "a/b"], ["1.png", "b/1.png"]),
        (["c/*.png"], ["1.png"]),
    ],
)
def test_file_names_are_within_the_folder_of_all_that_is_given(given, expected, tmp_path, monkeypatch):
    for name in ("a/1.png", "a/b/1.png", "c/1.png"):
        write_image(tmp_path / name, GREY)
    monkeypatch.chdir(tmp_path)
    assert [source.file_name for source in find_sources(given)] == expected


def test_natural_keys_always_compare():
    texts = ["a10", "a9", "A1", "10", "9", "b", "", "a1b2", "a1b"]
    assert sorted(texts, key=natural_key) == ["", "9", "10", "A1", "a1b", "a1b2", "a9", "a10", "b"]


def test_a_bad_file_is_skipped_and_reported(folder):
    (folder / "3.jpg").write_bytes(b"not an image")
    skipped = []
    frames = list(read_frames(find_sources(folder), skipped.append))
    assert [frame.source.name for frame in frames] == ["2", "10", "b/1", "b/deeper/ß 漢"]
    assert frames[0].image.shape == (8, 12, 3)
    assert (frames[0].width, frames[0].height) == (12, 8)
    assert len(skipped) == 1
    assert "3.jpg" in skipped[0]


def test_what_was_decoded_of_a_bad_file_does_not_stay_in_memory(folder, monkeypatch):
    """The traceback of an error holds the variables of all functions that it went through."""
    decoded = []

    def fail(source):
        part = np.zeros(9)
        decoded.append(weakref.ref(part))
        raise BadInput("truncated")

    monkeypatch.setattr(finding, "_image_of", fail)
    with pytest.raises(BadInput, match="None of the 4 sources"):
        list(read_frames(find_sources([folder]), lambda text: None))
    assert [each() for each in decoded] == [None] * 4


def test_the_only_source_must_be_readable(tmp_path):
    (tmp_path / "3.jpg").write_bytes(b"not an image")
    with pytest.raises(BadInput, match=r"3\.jpg"):
        list(read_frames(find_sources(tmp_path / "3.jpg"), warnings.warn))


def test_one_source_at_least_must_be_readable(tmp_path):
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"not an image")
    skipped = []
    with pytest.raises(BadInput, match=r"None of the 2 sources could be read. The first: .*1\.jpg"):
        list(read_frames(find_sources(tmp_path), skipped.append))


def test_an_animation_is_one_image_and_that_is_said(tmp_path):
    first, *others = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others)
    first.save(tmp_path / "b.png")
    skipped = []
    frames = list(read_frames(find_sources(tmp_path), skipped.append))
    assert [frame.image[0, 0].tolist() for frame in frames] == [[255, 0, 0]] * 2
    assert skipped == [f"{tmp_path / 'a.gif'}: only the first of its 2 images is used."]


def test_frames_are_read_when_they_are_asked_for(folder):
    frames = read_frames(find_sources(folder), warnings.warn)
    next(frames)
    (folder / "10.png").unlink()  # too early for a reader that runs ahead
    skipped = [str(warning.message) for warning in _warnings_of(lambda: list(frames))]
    assert len(skipped) == 1
    assert "10.png" in skipped[0]


def _warnings_of(action):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return caught


def test_images_in_memory():
    colour = np.zeros((2, 3, 3), np.uint8)
    transparent = Image.new("RGBA", (3, 2), (255, 0, 0, 0))
    grey = np.full((2, 3), 7, np.uint8)
    sources = find_sources([colour, transparent, grey])
    images = [frame.image for frame in read_frames(sources, warnings.warn)]
    assert names(sources) == ["image", "image-2", "image-3"]
    assert [int(image.mean()) for image in images] == [0, 255, 7]
    assert all(image.shape == (2, 3, 3) and image.dtype == np.uint8 for image in images)
    assert len(find_sources(np.zeros((4, 2, 3, 3), np.uint8))) == 4


def test_the_bytes_of_image_files(folder):
    content = (folder / "10.png").read_bytes()
    with (folder / "10.png").open("rb") as file:
        sources = find_sources([content, io.BytesIO(content), file])
    images = [frame.image for frame in read_frames(sources, warnings.warn)]
    assert all(np.array_equal(image, GREY) for image in images)
    assert len(images) == 3
    assert len(find_sources(content)) == 1


def test_orientation_of_images_in_memory(fixtures):
    images = [Image.open(path) for path in (fixtures / "exif").glob("*_[036].jpg")]
    images = [frame.image for frame in read_frames(find_sources(images), warnings.warn)]
    assert len(images) == 3
    assert len({image.shape for image in images}) == 1
    assert max(np.abs(image.astype(int) - images[0]).mean() for image in images) < 8
