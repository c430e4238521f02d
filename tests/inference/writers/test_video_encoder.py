"""Annotated videos: what players need, and the timing of the source."""

from fractions import Fraction

import av
import numpy as np
import pytest

from detect.errors import RunFailure
from detect.inference.sources.frames import VideoFormat
from detect.inference.writers.video_encoder import VideoWriter

MILLISECONDS = VideoFormat(rate=Fraction(25), time_base=Fraction(1, 1000))


def write(path, images, times, video=MILLISECONDS):
    height, width = images[0].shape[:2]
    with VideoWriter(path, video, width, height) as writer:
        for image, time in zip(images, times, strict=True):
            writer.write(image, time)
    return path


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(frame.pts * frame.time_base, frame.to_ndarray(format="rgb24")) for frame in container.decode(stream)]
        return stream.codec_context, frames


def test_browsers_play_it(tmp_path):
    path = write(tmp_path / "ä/漢.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 3, [0, Fraction(1, 25), Fraction(2, 25)])
    codec, frames = read(path)
    assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", 64, 48)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # playing starts before all is loaded
    assert len(frames) == 3
    assert [entry.name for entry in path.parent.iterdir()] == ["漢.mp4"]


def test_colours_survive(tmp_path):
    colours = [(230, 30, 30), (30, 200, 40), (40, 60, 220), (240, 240, 240), (10, 10, 10)]
    image = np.repeat(np.repeat(np.array([colours], np.uint8), 32, axis=0), 32, axis=1)  # a stripe each
    _, frames = read(write(tmp_path / "colours.mp4", [image], [0]))
    middles = frames[0][1][16, 16::32].astype(int)
    assert np.abs(middles - colours).max() <= 8


def test_timestamps_are_kept(tmp_path):
    times = [Fraction(milliseconds, 1000) for milliseconds in (0, 40, 100, 101, 500, 2000)]
    images = [np.full((32, 32, 3), 20 * index, np.uint8) for index in range(6)]
    _, frames = read(write(tmp_path / "varying.mp4", images, times))
    assert [time for time, _ in frames] == times
    assert [round(image.mean() / 20) for _, image in frames] == list(range(6))


def test_timestamps_that_do_not_rise_are_moved_on(tmp_path):
    _, frames = read(write(tmp_path / "stuck.mp4", [np.zeros((32, 32, 3), np.uint8)] * 3, [0, 0, 0]))
    assert [time * 1000 for time, _ in frames] == [0, 1, 2]


def test_odd_sides_are_repeated_once(tmp_path):
    image = np.full((47, 63, 3), 30, np.uint8)
    image[-1] = image[:, -1] = 220
    codec, frames = read(write(tmp_path / "odd.mp4", [image], [0]))
    assert (codec.width, codec.height) == (64, 48)
    assert frames[0][1][-1].mean() > 180
    assert frames[0][1][:, -1].mean() > 180


def test_an_image_of_another_size_is_fitted(tmp_path):
    small, large = (np.full((side, side, 3), 90, np.uint8) for side in (32, 64))
    codec, frames = read(write(tmp_path / "change.mp4", [small, large], [0, 1]))
    assert (codec.width, len(frames)) == (32, 2)


def test_pixels_that_are_not_square(tmp_path):
    video = VideoFormat(Fraction(25), Fraction(1, 25), pixel_aspect=Fraction(16, 15))
    codec, _ = read(write(tmp_path / "wide.mp4", [np.zeros((32, 32, 3), np.uint8)], [0], video))
    assert codec.sample_aspect_ratio == Fraction(16, 15)


def test_a_failure_leaves_a_video_that_plays(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", MILLISECONDS, 32, 32)
    with pytest.raises(ZeroDivisionError), writer:
        _write_one_and_fail(writer)
    assert [path.name for path in tmp_path.iterdir()] == ["a.partial.mp4"]
    assert len(read(tmp_path / "a.partial.mp4")[1]) == 1


def _write_one_and_fail(writer):
    writer.write(np.zeros((32, 32, 3), np.uint8), Fraction(0))
    raise ZeroDivisionError


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFailure, match=r"a\.mp4 cannot be written: Not a directory"):
        VideoWriter(tmp_path / "file" / "a.mp4", MILLISECONDS, 32, 32)


@pytest.mark.parametrize("container", ["mp4", "ts", "mkv"])
def test_sound_is_copied(tmp_path, write_video, container):
    from detect.inference.sources.finding import find_sources, read_frames

    images = [np.full((48, 64, 3), 90, np.uint8)] * 50
    source = write_video(tmp_path / f"source.{container}", images, time_base=Fraction(1, 90_000), sound=True)
    frames = list(read_frames(find_sources(source), print))
    images, times = zip(*((frame.image, frame.timestamp) for frame in frames), strict=True)
    write(tmp_path / "copy.mp4", images, times, frames[0].video)
    with av.open(str(tmp_path / "copy.mp4")) as copy:
        sound = copy.streams.audio[0]
        heard = [frame.time for frame in copy.decode(sound)]
        assert sound.codec_context.name == "aac"
        assert min(heard) < 0.15
        assert 1.8 < max(heard) < 2.1
    with av.open(str(tmp_path / "copy.mp4")) as copy:
        assert len(list(copy.decode(video=0))) == 50


def _write_with_sound(path, codec: str, layout: str, rate: int, streams: int = 1) -> None:
    """Write two seconds of grey images with a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sounds = [container.add_stream(codec, rate=rate) for _ in range(streams)]
        for sound in sounds:
            sound.layout = layout
        for _ in range(50):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")))
        container.mux(video.encode())
        for sound in sounds:
            channels = sound.layout.nb_channels
            for start in range(0, 2 * rate, 1024):
                tone = np.sin(np.arange(start, start + 1024) * 440 * 2 * np.pi / rate) * 0.5
                samples = (np.repeat(tone, channels) * 32767).astype(np.int16)[None]
                frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                container.mux(sound.encode(frame))
            container.mux(sound.encode())


def _tone(path) -> tuple[str, int, float, float]:
    """Return codec, channels, seconds and loudest frequency of the sound in a file."""
    with av.open(str(path)) as file:
        sound = file.streams.audio[0]
        samples = np.concatenate([frame.to_ndarray().mean(axis=0) for frame in file.decode(sound)])
        seconds = len(samples) / sound.rate
        loudest = np.argmax(np.abs(np.fft.rfft(samples))) / seconds
        return sound.codec_context.codec.canonical_name, sound.codec_context.channels, seconds, loudest


@pytest.mark.parametrize(
    ("name", "codec", "layout", "rate", "expected"),
    [
        ("a.mp4", "libmp3lame", "stereo", 44100, "mp3"),
        ("a.mkv", "ac3", "stereo", 48000, "ac3"),
        ("a.mkv", "libopus", "mono", 48000, "opus"),
        ("a.mov", "pcm_s16le", "stereo", 48000, "aac"),
        ("a.avi", "pcm_s16le", "mono", 11025, "aac"),
        ("a.mkv", "mp2", "stereo", 44100, "aac"),
    ],
)
def test_sound_is_kept_whatever_its_codec(tmp_path, name, codec, layout, rate, expected):
    from detect.inference.sources.finding import find_sources, read_frames

    _write_with_sound(tmp_path / name, codec, layout, rate)
    frames = list(read_frames(find_sources(tmp_path / name), print))
    images, times = zip(*((frame.image, frame.timestamp) for frame in frames), strict=True)
    write(tmp_path / "copy.mp4", images, times, frames[0].video)
    kind, channels, seconds, frequency = _tone(tmp_path / "copy.mp4")
    assert (kind, channels) == (expected, 2 if layout == "stereo" else 1)
    assert 1.8 < seconds < 2.2
    assert frequency == pytest.approx(440, abs=2)


def test_sound_that_is_left_out_is_said(tmp_path):
    from detect.inference.sources.finding import find_sources, read_frames

    _write_with_sound(tmp_path / "two.mkv", "aac", "mono", 16000, streams=2)
    frame = next(read_frames(find_sources(tmp_path / "two.mkv"), print))
    said = []
    with VideoWriter(tmp_path / "copy.mp4", frame.video, 64, 48, said.append) as writer:
        writer.write(frame.image, frame.timestamp)
    assert said == [f"{tmp_path / 'two.mkv'}: the annotated copy has one of 2 sound tracks."]


@pytest.mark.parametrize("free", [0, 1, 2, 4, 8])
def test_a_full_disk_is_one_failure_wherever_it_is_met(tiny_disk, free):
    """The disk is full at the header, at a frame or at the end. FFmpeg would crash where it went on afterwards."""
    with open(tiny_disk / "other", "wb") as other:
        other.write(bytes(4096 * (15 - free)))
    noise = np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), np.uint8)
    with pytest.raises(RunFailure, match=r"full\.mp4 cannot be written: No space left on device"):
        write(tiny_disk / "full.mp4", list(noise), [Fraction(index, 25) for index in range(len(noise))])
    assert [path.name for path in tiny_disk.iterdir()] == ["other"]
