"""`detect track`."""

import numpy as np
import pytest

from detect.data.pixels.images import read_image

pytestmark = pytest.mark.slow


@pytest.fixture
def clip(shapes, tmp_path):
    """A picture that stands still for ten frames."""
    from fractions import Fraction

    from detect.inference.sources.frames import VideoFormat
    from detect.inference.writers.video_encoder import VideoWriter

    image = read_image(next((shapes.parent / "images" / "val").glob("*.jpg")))
    with VideoWriter(tmp_path / "clip.mp4", VideoFormat(Fraction(25), Fraction(1, 25)), *image.shape[1::-1]) as video:
        for frame in range(10):
            video.write(image, Fraction(frame, 25))
    return tmp_path / "clip.mp4"


def test_a_video(command, model, clip, tmp_path):
    out = tmp_path / "out"
    done = command(
        "track", model, clip, "--out", out, "--confidence", 0, "--tracker", "ocsort",
        "--line", "0%,50%,100%,50%", "--zone", "0,0,9,0,9,9", "--zone", "0%,0%,100%,0%,100%,100%,0%,100%",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "Processed 1 video (10 frames)" in done.out
    assert sorted(path.name for path in out.glob("[!.]*")) == ["clip-counts.csv", "clip.jsonl", "clip.mp4", "clip.txt"]
    tracks = np.loadtxt(out / "clip.txt", delimiter=",", ndmin=2)
    assert f"Found {len(np.unique(tracks[:, 1]))} object" in done.out
    assert set(tracks[:, 0]) == set(range(2, 11))  # all but the first frame
    regions = {line.partition(",")[0] for line in (out / "clip-counts.csv").read_text().splitlines()}
    assert regions == {"region", "line 1", "zone 1", "zone 2"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tracker", "sort"], "There is no tracker 'sort'"),
        (["--line", "1,2,3"], "--line: expected x1,y1,x2,y2"),
        (["--confidence", "30"], "--confidence: expected a number from 0 to 1"),
    ],
)
def test_mistakes_are_found_before_the_model_is_loaded(command, clip, words, message):
    done = command("track", "no-such-model", clip, *words)
    assert done.code == 2
    assert message in done.err
    assert "no-such-model" not in done.err


def test_images_are_no_videos(command, shapes, model):
    done = command("track", model, shapes.parent / "images" / "val")
    assert done.code == 2
    assert "takes videos, a camera or a stream" in done.err
