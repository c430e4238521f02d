"""`detect data convert`, `split`, `merge` and `sample`."""

import cv2
import numpy as np
import pytest

from detect.cli.data_writing import To
from detect.data.readers.description import open_dataset
from detect.data.writers import writers


def sizes(folder) -> dict[str, int]:
    return {split: len(records) for split, records in open_dataset(folder).splits.items()}


def test_convert_writes_and_says_what_is_lost(command, shapes, tmp_path):
    done = command("data", "convert", shapes, tmp_path / "out", "--to", "voc")
    assert done.code == 0, done.err
    assert "Pascal VOC cannot hold" in done.out
    assert "boxes with fractions of a pixel" in done.out
    assert f"Written: {tmp_path / 'out'}, Pascal VOC" in done.out
    assert "train: 8 images" in done.out
    assert sizes(tmp_path / "out") == {"train": 8, "val": 4}


def test_help_names_all_formats():
    *names, last = sorted(writers())
    assert To.__metadata__[0].help == f"Format to write: {', '.join(names)} or {last}."


def test_convert_refuses_in_one_sentence(command, shapes, tmp_path):
    done = command("data", "convert", shapes, tmp_path, "--to", "voc")
    assert done.code == 0, "an empty folder is as good as a new one"
    again = command("data", "convert", shapes, tmp_path, "--to", "coco")
    assert (again.code, again.err.count("\n")) == (2, 1)
    assert "not an empty folder" in again.err
    unknown = command("data", "convert", shapes, tmp_path / "out", "--to", "voc2007")
    assert unknown.code == 2
    assert "Did you mean 'voc'" in unknown.err


def test_split_divides_anew(command, shapes, tmp_path):
    done = command("data", "split", shapes, tmp_path / "out", "--val", 0.25, "--test", 0.25, "--copy", "--seed", 3)
    assert done.code == 0, done.err
    assert "train, val are joined and divided anew" in done.out
    counts = sizes(tmp_path / "out")
    assert sum(counts.values()) == 12
    assert {counts["val"], counts["test"]} <= {2, 3, 4}
    assert command("data", "split", shapes, tmp_path / "no", "--val", 0.7, "--test", 0.3).code == 2


def test_split_keeps_near_duplicates_together(command, tmp_path):
    """Four photos, each as a PNG and as a JPEG, of which a quarter is one photo."""
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(0)
    for photo in range(4):
        pixels = cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (96, 72), interpolation=cv2.INTER_CUBIC)
        for suffix in (".png", ".jpg"):
            _, data = cv2.imencode(suffix, pixels)
            (tmp_path / "data" / f"{photo}{suffix[1:]}{suffix}").write_bytes(data.tobytes())
            (tmp_path / "data" / f"{photo}{suffix[1:]}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    done = command("data", "split", tmp_path / "data", tmp_path / "out", "--val", 0.25)
    assert done.code == 0, done.err
    assert "images that show nearly the same as others stay together with them (4)" in done.out
    for split in ("train", "val"):
        names = [name[:1] for name in open_dataset(tmp_path / "out").splits[split].copy_names()]
        assert all(names.count(photo) == 2 for photo in names)


def test_merge_renames(command, shapes, tmp_path):
    done = command("data", "merge", shapes, tmp_path / "out", "--map", "circle=square", "--map", "triangle=")
    assert done.code == 0, done.err
    assert "class 'triangle' is left out" in done.out
    assert open_dataset(tmp_path / "out").classes == ("square",)


def test_merge_takes_several_datasets(command, shapes, tmp_path):
    command("data", "convert", shapes, tmp_path / "copy", "--to", "yolo", "--copy")
    done = command("data", "merge", shapes, tmp_path / "copy", tmp_path / "out", "--to", "tfrecord")
    assert done.code == 0, done.err
    assert sizes(tmp_path / "out") == {"train": 16, "val": 8}


@pytest.mark.parametrize("pair", ["circle", "=circle", "ring=square"])
def test_merge_refuses_what_is_not_a_renaming(command, shapes, tmp_path, pair):
    assert command("data", "merge", shapes, tmp_path / "out", "--map", pair).code == 2


def test_merge_refuses_two_new_names_of_a_class(command, shapes, tmp_path):
    done = command("data", "merge", shapes, tmp_path / "out", "--map", "circle=a", "--map", "circle=b")
    assert "two names" in done.err


@pytest.mark.parametrize(("images", "total"), [("6", 6), ("50%", 6), ("1000", 12), ("0.1%", 2)])
def test_sample_takes_a_number_or_a_share(command, shapes, tmp_path, images, total):
    done = command("data", "sample", shapes, tmp_path / "out", "--images", images)
    assert done.code == 0, done.err
    assert sum(sizes(tmp_path / "out").values()) == total


@pytest.mark.parametrize("images", ["0", "many", "-1", "1.5", "%"])
def test_sample_refuses_other_numbers(command, shapes, tmp_path, images):
    done = command("data", "sample", shapes, tmp_path / "out", f"--images={images}")
    assert done.code == 2
    assert "such as 10%" in done.err
