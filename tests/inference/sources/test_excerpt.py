"""Parts of a video: from a time, to a time, and one of several frames."""

import warnings
from fractions import Fraction

import av
import numpy as np
import pytest

from detect.errors import BadInput
from detect.inference.options import ReadingOptions
from detect.inference.sources.excerpt import skip_to
from detect.inference.sources.finding import find_sources, read_frames

FRAMES, RATE = 60, 25


@pytest.fixture(scope="module", params=[False, True], ids=["closed groups", "open groups with B-frames"])
def video(tmp_path_factory, request):
    """A video with a key frame every 10 frames, each of which shows its number as its grey value, times four."""
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        groups = "open-gop=1:bframes=3:b-adapt=0" if request.param else "open-gop=0:bframes=0"
        stream.options = {"crf": "5", "x264-params": f"keyint=10:min-keyint=10:scenecut=0:{groups}"}
        for number in range(FRAMES):
            image = np.full((48, 64, 3), number * 4, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def frames_of(path, **options):
    return list(read_frames(find_sources(path), warnings.warn, ReadingOptions(**options)))


def shown_numbers(frames):
    return [round(float(frame.image.mean()) / 4) for frame in frames]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({}, range(60)),
        ({"every": 7}, range(0, 60, 7)),
        ({"start": 0.8}, range(20, 60)),  # at a key frame
        ({"start": "0:01.55"}, range(39, 60)),  # within a group
        ({"start": 0.81, "end": 1.0}, range(21, 25)),
        ({"end": 0.4}, range(10)),
        ({"start": 1, "end": "1.5", "every": 4}, range(28, 37, 4)),
        ({"start": 0}, range(60)),
    ],
)
def test_the_frames_that_are_asked_for(video, options, numbers):
    frames = frames_of(video, **options)
    assert shown_numbers(frames) == list(numbers)
    assert [frame.index for frame in frames] == list(numbers)
    assert [frame.timestamp for frame in frames] == [Fraction(number, RATE) for number in numbers]


def test_what_is_known_of_a_part(video):
    assert frames_of(video, every=7)[0].video.frames == len(range(0, 60, 7))
    assert frames_of(video, every=5)[0].video.rate == 5
    assert frames_of(video, start=1)[0].video.frames is None
    assert frames_of(video, start=1)[0].video.start == frames_of(video)[0].video.start


def test_nothing_before_the_last_key_frame_is_decoded(video):
    with av.open(str(video)) as container:
        skipped, origin, packets = skip_to(container.demux(video=0), Fraction(35, RATE))
        first = next(packets)
    assert (skipped, first.is_keyframe) == (30, True)
    assert first.pts * first.time_base - origin == Fraction(30, RATE)


@pytest.mark.parametrize("options", [{"start": 2.4}, {"start": "1:00:00"}, {"start": 1.001, "end": 1.002}])
def test_times_without_frames(video, options):
    with pytest.raises(BadInput, match=r"a\.mp4 has no frame between start and end: frame \d+ is at \d\.\d\d s"):
        frames_of(video, **options)
