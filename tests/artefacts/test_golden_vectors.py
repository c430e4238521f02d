"""The file of golden vectors: what is written is read, and what is damaged is said so."""

import zipfile

import numpy as np
import pytest

from detect.artefacts.golden_vectors import GOLDEN, GoldenCall, images_of_cells, read_golden, write_golden
from detect.errors import BadInput

CANVAS = (6, 5)


def a_call(**changes) -> GoldenCall:
    """Two images of 2 by 2 cells, with three rows of detections each."""
    rng = np.random.default_rng(0)
    call = GoldenCall(
        cells=rng.integers(0, 4, (2, 2, 2)).astype(np.uint8),
        colours=rng.integers(0, 256, (2, 4, 3)).astype(np.uint8),
        cell=np.array(4, np.int32),
        extents=np.float32([[6, 5], [4, 5]]),
        confidence=np.array(0.1, np.float32),
        iou=np.array(0.5, np.float32),
        boxes=rng.uniform(0, 5, (2, 3, 4)).astype(np.float32),
        scores=np.float32([[0.9, 0.5, 0.2], [0.8, 0, 0]]),
        labels=np.int32([[0, 1, 1], [2, -1, -1]]),
        box_tolerance=np.array(0.2, np.float32),
        score_tolerance=np.array(0.01, np.float32),
    )
    return call._replace(**changes)


def test_a_pixel_has_the_colour_of_its_cell():
    cells, colours = np.uint8([[[0, 1], [2, 1]]]), np.uint8([[[9, 8, 7], [1, 2, 3], [200, 0, 0]]])
    (image,) = images_of_cells(cells, colours, 4, CANVAS)
    assert image.shape == (6, 5, 3)
    for y in range(6):
        for x in range(5):
            assert image[y, x].tolist() == colours[0, cells[0, y // 4, x // 4]].tolist()


def test_what_is_written_is_read(tmp_path):
    calls = {CANVAS: a_call(), (4, 8): a_call(cells=np.zeros((2, 1, 2), np.uint8))}
    write_golden(tmp_path, calls)
    first = (tmp_path / GOLDEN).read_bytes()
    found = read_golden(tmp_path, tuple(calls))
    assert list(found) == list(calls)
    for canvas, call in calls.items():
        for name, values in call._asdict().items():
            read = getattr(found[canvas], name)
            np.testing.assert_array_equal(read, values)
            assert (read.dtype, read.shape) == (values.dtype, values.shape)
    write_golden(tmp_path, calls)
    assert (tmp_path / GOLDEN).read_bytes() == first  # and with it its digest


def test_it_can_be_read_without_decompression(tmp_path):
    write_golden(tmp_path, {CANVAS: a_call()})
    with zipfile.ZipFile(tmp_path / GOLDEN) as archive:
        entries = archive.infolist()
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert [entry.filename for entry in entries] == [f"6x5/{name}.npy" for name in GoldenCall._fields]


def test_an_export_of_an_earlier_version_has_none(tmp_path):
    with pytest.raises(BadInput, match=r"has no golden.npz, .* earlier version .* Export the model again"):
        read_golden(tmp_path, (CANVAS,))


def test_a_damaged_file(tmp_path):
    path = tmp_path / GOLDEN
    write_golden(tmp_path, {CANVAS: a_call()})
    whole = path.read_bytes()
    with pytest.raises(BadInput, match=r"golden.npz is damaged: .*9x9.*Copy the export again"):
        read_golden(tmp_path, ((9, 9),))
    middle = whole.index(a_call().boxes.tobytes())
    for content in (whole[:-40], whole[: len(whole) // 2], b"", whole[:middle] + b"\xff" + whole[middle + 1 :]):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"golden.npz is damaged: .* Copy the export again"):
            read_golden(tmp_path, (CANVAS,))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"labels": np.zeros((2, 3), np.int64)}, "6x5/labels is int64 with 2 dimensions"),
        ({"scores": np.zeros(3, np.float32)}, "6x5/scores is float32 with 1 dimensions"),
        ({"extents": np.zeros((3, 2), np.float32)}, "6x5 are of different numbers of images"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, changes, fault):
    write_golden(tmp_path, {CANVAS: a_call(**changes)})
    with pytest.raises(BadInput, match=fault):
        read_golden(tmp_path, (CANVAS,))
