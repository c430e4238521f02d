"""Decoding videos: order, timestamps, rotation, damage."""

import struct
import warnings
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

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


@pytest.mark.parametrize("matrix", [(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1),
                                    (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, -1, 0), (0, -1, -1, 0)])  # fmt: skip
def test_display_matrices_turn_and_mirror(tmp_path, write_video, matrix):
    """The pixel at x, y is shown at a x + c y, b x + d y, moved into the image."""
    a, b, c, d = matrix
    image = np.full((48, 64, 3), 40, np.uint8)
    image[4:12, 4:24] = 250  # at the top left as stored, wider than high
    centre, size = np.array([14, 8]), np.array([64, 48])
    shown, shown_size = (np.array([a * x + c * y, b * x + d * y]) for x, y in (centre, size))
    shown = shown + np.where(shown_size < 0, -shown_size, 0)
    one = 1 << 16
    stated = [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30]
    (frame,) = frames_of(write_video(tmp_path / "turned.mp4", [image], matrix=stated))
    assert (frame.width, frame.height) == tuple(np.abs(shown_size))
    assert frame.image.shape[:2] == (frame.height, frame.width)
    rows, columns = np.nonzero(frame.image[..., 0] > 150)
    assert np.abs([columns.mean() - shown[0], rows.mean() - shown[1]]).max() < 1.5


def test_a_cover_picture_is_not_the_video(tmp_path, write_video, grey_steps):
    source = write_video(tmp_path / "film.mp4", grey_steps)
    for name, with_film in (("covered.mp4", True), ("only_cover.mp4", False)):
        with av.open(str(source)) as film, av.open(str(tmp_path / name), "w") as output:
            cover = output.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 320, 320, "yuvj420p"
            cover.disposition = Disposition.attached_pic
            copy = output.add_stream_from_template(film.streams.video[0]) if with_film else None
            picture = av.VideoFrame.from_ndarray(np.zeros((320, 320, 3), np.uint8), format="rgb24")
            output.mux(cover.encode(picture))
            output.mux(cover.encode())
            for packet in film.demux(video=0) if copy else ():
                if packet.dts is not None:
                    packet.stream = copy
                    output.mux(packet)
    assert len(frames_of(tmp_path / "covered.mp4")) == 10
    with pytest.raises(BadInput, match="has no video stream, only a cover picture"):
        frames_of(tmp_path / "only_cover.mp4")


def test_of_several_video_streams_one_is_read_and_that_is_said(tmp_path):
    with av.open(str(tmp_path / "two.mkv"), "w") as output:
        streams = [output.add_stream("libx264", rate=25) for _ in range(2)]
        for stream, side in zip(streams, (32, 64), strict=True):
            stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
        for stream in streams:
            image = np.full((stream.height, stream.width, 3), 90, np.uint8)
            for _ in range(3):
                output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            output.mux(stream.encode())
    said = []
    assert len(frames_of(tmp_path / "two.mkv", said.append)) == 3
    assert said == [f"{tmp_path / 'two.mkv'}: one of its 2 video streams is read, the one that players show."]


def test_files_without_a_video_stream_say_what_is_in_them(tmp_path, write_video, grey_steps):
    with av.open(str(tmp_path / "sound.mp4"), "w") as output:
        stream = output.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with pytest.raises(BadInput, match=r"sound\.mp4 has no video stream, only a stream of type audio\."):
        frames_of(tmp_path / "sound.mp4")
    boxes = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"isom") + struct.pack(">I4s", 116, b"moov")
    header = struct.pack(">I4sIIIII", 108, b"mvhd", 0, 0, 0, 1000, 0) + bytes(80)
    (tmp_path / "empty.mp4").write_bytes(boxes + header)
    with pytest.raises(BadInput, match=r"empty\.mp4 has no video stream, nor any other: the recording is not complete"):
        frames_of(tmp_path / "empty.mp4")


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
        list(video_reader.read_camera(Source("97", "camera", "camera-97", "camera 97")))
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
    frames = list(video_reader.read_camera(Source("0", "camera", "camera-0", "camera 0")))
    assert [frame.timestamp for frame in frames] == [0, Fraction(1, 2), 2]
    assert frames[0].image[0, 0].tolist() == [0, 0, 255]
    assert frames[0].video.rate == 30


def test_a_clip_of_a_camera(fixtures):
    frames = frames_of(fixtures / "videos" / "one-by-one-person-detection.mp4")
    first = frames[0]
    assert (first.width, first.height, first.video.rate, first.video.frames) == (768, 432, 10, 10)
    assert [frame.timestamp for frame in frames] == [Fraction(index, 10) for index in range(10)]
