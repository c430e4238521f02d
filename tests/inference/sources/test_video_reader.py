"""Decoding videos: order, timestamps, rotation, damage."""

import warnings
from fractions import Fraction

import numpy as np
import pytest

from detect.errors import BadInput
from detect.inference.sources import video_reader
from detect.inference.sources.finding import find_sources, read_frames
from detect.inference.sources.frames import Source


def frames_of(path, skip=warnings.warn):
    return list(read_frames(find_sources(path), skip))


@pytest.fixture
def grey_steps():
    """Ten images, each lighter than the one before."""
    return [np.full((48, 64, 3), 20 * step + 20, np.uint8) for step in range(10)]


def test_frames_come_in_order_with_their_timestamps(tmp_path, write_video, grey_steps):
    frames = frames_of(write_video(tmp_path / "ä 漢.mp4", grey_steps))
    assert [frame.index for frame in frames] == list(range(10))
    assert [frame.timestamp for frame in frames] == [Fraction(index, 25) for index in range(10)]
    assert [round(float(frame.image.mean()) / 20) for frame in frames] == list(range(1, 11))
    assert frames[0].image.shape == (48, 64, 3)
    assert (frames[0].width, frames[0].height) == (64, 48)
    assert frames[0].video.frames == 10
    assert frames[0].video.sound is None


def test_varying_frame_rates_are_kept(tmp_path, write_video, grey_steps):
    times = [0, 40, 100, 101, 500, 510, 1000, 2000, 2040, 3000]  # milliseconds
    frames = frames_of(write_video(tmp_path / "varying.mkv", grey_steps, times))
    assert [frame.timestamp * 1000 for frame in frames] == times


def test_timestamps_count_from_the_first_image(tmp_path, write_video, grey_steps):
    times = [7000 + 40 * index for index in range(10)]
    frames = frames_of(write_video(tmp_path / "late.mkv", grey_steps, times))
    assert [frame.timestamp * 1000 for frame in frames] == [40 * index for index in range(10)]
    assert frames[0].video.start == 7


def test_the_rotation_of_phones_is_applied(tmp_path, write_video):
    image = np.full((48, 64, 3), 40, np.uint8)
    image[:12, :12] = 250  # at the top left as stored
    corners = {}
    for degrees in (90, 180, 270):  # anticlockwise, as FFmpeg counts
        frame = frames_of(write_video(tmp_path / f"{degrees}.mp4", [image], rotation=degrees))[0]
        assert frame.image.shape == ((48, 64, 3) if degrees == 180 else (64, 48, 3))
        assert (frame.height, frame.width) == frame.image.shape[:2]
        rows, columns = np.nonzero(frame.image[..., 0] > 150)
        corners[degrees] = (rows.mean() < frame.height / 2, columns.mean() < frame.width / 2)
    assert corners == {90: (False, True), 180: (False, False), 270: (True, False)}


def test_odd_sizes(tmp_path, write_video):
    images = [np.full((47, 63, 3), 90, np.uint8)] * 2
    assert frames_of(write_video(tmp_path / "odd.mp4", images))[0].image.shape == (47, 63, 3)


def test_a_truncated_video_gives_what_it_holds(tmp_path, write_video, grey_steps):
    noise = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "whole.mkv", list(noise))
    (tmp_path / "cut.mkv").write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = frames_of(tmp_path / "cut.mkv", skip=lambda text: None)
    assert 5 < len(frames) < 25


def test_damaged_parts_are_left_out_and_said(tmp_path, write_video):
    noise = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "damaged.mp4", list(noise))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = bytes(20_000)
    path.write_bytes(content)
    skipped = []
    frames = frames_of(path, skipped.append)
    assert 0 < len(frames) <= 30
    assert len(skipped) == 1
    assert "damaged parts were left out" in skipped[0]


def test_what_is_not_a_video(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing of that kind")
    with pytest.raises(BadInput, match=r"a\.mp4: the video cannot be opened: Invalid data"):
        frames_of(tmp_path / "a.mp4")


def test_closing_early_closes_the_file(tmp_path, write_video, grey_steps, monkeypatch):
    path = write_video(tmp_path / "a.mp4", grey_steps)
    opened = []
    real_open = video_reader.av.open

    def remember(*given, **more):
        opened.append(real_open(*given, **more))
        return opened[-1]

    monkeypatch.setattr(video_reader.av, "open", remember)
    frames = read_frames(find_sources(path), warnings.warn)
    next(frames)
    frames.close()
    with pytest.raises(AssertionError, match="not open"):
        next(opened[0].demux())


def test_no_such_camera(capfd):
    with pytest.raises(BadInput, match="Camera 97 cannot be opened"):
        list(video_reader.read_camera(Source("97", "camera", "camera-97", "camera 97"), warnings.warn))
    assert capfd.readouterr().err == ""


class FakeCamera:
    """Stands for `cv2.VideoCapture` with a camera that gives three images."""

    def __init__(self, index):
        self.left = 3

    def isOpened(self):  # noqa: N802
        return True

    def get(self, quantity):
        return float("nan")

    def read(self):
        self.left -= 1
        return self.left >= 0, np.full((4, 6, 3), (255, 0, 0), np.uint8)  # blue, as OpenCV orders it

    def release(self):
        self.left = None


def test_cameras_are_rgb_and_timed_by_arrival(monkeypatch):
    monkeypatch.setattr(video_reader.cv2, "VideoCapture", FakeCamera)
    moments = iter([10.0, 10.5, 12.0])
    monkeypatch.setattr(video_reader.time, "monotonic", lambda: next(moments))
    skipped = []
    frames = list(video_reader.read_camera(Source("0", "camera", "camera-0", "camera 0"), skipped.append))
    assert [frame.timestamp for frame in frames] == [0, Fraction(1, 2), 2]
    assert frames[0].image[0, 0].tolist() == [0, 0, 255]
    assert frames[0].video.rate == 30
    assert skipped == ["camera 0: no more frames after 3."]


def test_a_clip_of_a_camera(fixtures):
    frames = frames_of(fixtures / "videos" / "one-by-one-person-detection.mp4")
    first = frames[0]
    assert (first.width, first.height, first.video.rate, first.video.frames) == (768, 432, 10, 10)
    assert [frame.timestamp for frame in frames] == [Fraction(index, 10) for index in range(10)]
