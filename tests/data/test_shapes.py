import itertools

import av
import cv2
import numpy as np
import pytest

from detect.data.pixels.images import read_image
from detect.data.readers.description import open_dataset
from detect.data.shapes import CLASSES, Shape, draw, moving_shapes, write_shapes, write_shapes_video


def shape(label: int, x: float = 20, y: float = 16, radius: float = 10, angle: float = 0) -> Shape:
    return Shape(label, x, y, radius, angle, np.array([250, 250, 250], np.float32), 0)


def test_boxes_by_hand():
    np.testing.assert_allclose(shape(0).box(64, 48), [10, 6, 30, 26], atol=0.02)
    side = 10 / np.sqrt(2)
    np.testing.assert_allclose(
        shape(1, angle=np.pi / 4).box(64, 48), [20 - side, 16 - side, 20 + side, 16 + side], atol=1e-9
    )
    height = 10 * np.sqrt(3) / 2
    np.testing.assert_allclose(shape(2).box(64, 48), [15, 16 - height, 30, 16 + height], atol=1e-9)


def test_a_box_past_the_frame_holds_the_visible_part():
    """A diamond of radius 10 at x = 4: at the frame it is 6 wide on either side of its middle."""
    np.testing.assert_allclose(shape(1, x=4).box(64, 48), [0, 6, 14, 26], atol=0.05)
    np.testing.assert_allclose(shape(1, x=4, angle=0.3).box(64, 48)[0], 0, atol=0.05)


@pytest.mark.parametrize("label", range(3))
@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0])
def test_boxes_fit_what_is_drawn(label, angle):
    drawn = shape(label, x=21.3, y=17.8, angle=angle)
    image = draw(np.zeros((48, 64, 3), np.float32), [drawn])
    rows, columns = np.nonzero(image[:, :, 0] > 30)
    measured = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(drawn.box(64, 48), measured, atol=1)
    assert image.max() == 250
    covered = image[:, :, 0].sum() / 250
    expected = 100 * {0: np.pi, 1: 2, 2: 3 * np.sqrt(3) / 4}[label]
    assert covered == pytest.approx(expected, rel=0.07)


def test_the_data_set_is_a_function_of_the_seed(tmp_path):
    first, second = (open_dataset(write_shapes(tmp_path / name, 4, 2, 64, seed=3)) for name in "ab")
    other = open_dataset(write_shapes(tmp_path / "c", 4, 2, 64, seed=4))
    for one, two in zip(first.splits["train"], second.splits["train"], strict=True):
        assert one.image_path.read_bytes() == two.image_path.read_bytes()
        np.testing.assert_array_equal(one.boxes, two.boxes)
    assert first.splits["train"][0].image_path.read_bytes() != other.splits["train"][0].image_path.read_bytes()
    assert first.splits["train"][0].image_path.read_bytes() != first.splits["val"][0].image_path.read_bytes()


def test_the_data_set_is_sound_and_varied(tmp_path):
    dataset = open_dataset(write_shapes(tmp_path, train=80, val=1, image_size=96))
    records = dataset.splits["train"]
    assert dataset.classes == CLASSES
    assert not dataset.problems["train"].counts
    assert np.bincount(records.labels).min() > 40
    sides = (records.boxes[:, 2:] - records.boxes[:, :2]).max(axis=1) / 96
    assert sides.min() < 0.15
    assert sides.max() > 0.3
    counts = [len(record.boxes) for record in records]
    assert min(counts) == 0
    assert max(counts) == 6
    image = read_image(records[0].image_path)
    assert image.shape == (96, 96, 3)
    assert image.std() > 5


def test_moving_shapes_stay_in_the_frame():
    frames = list(moving_shapes(40, 10, (64, 48), seed=1))
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    steps = [np.abs(a.astype(int) - b.astype(int)).mean() for a, b in itertools.pairwise(frames)]
    assert 0 < max(steps) < 20  # something moves, nothing jumps


def test_the_video_is_h264_of_the_given_length(tmp_path):
    path = write_shapes_video(tmp_path / "shapes.mp4", seconds=1, fps=10, size=(64, 48))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 64, 48)
        assert (stream.average_rate, stream.frames) == (10, 10)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    expected = next(moving_shapes(10, 10, (64, 48)))
    blurred = [cv2.GaussianBlur(image, (0, 0), 3).astype(int) for image in (frames[0], expected)]
    assert np.abs(blurred[0] - blurred[1]).mean() < 6
