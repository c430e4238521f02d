"""All of `detect track` except its command line."""

import csv
import json

import av
import pytest

from detect.errors import BadInput
from detect.inference.track_run import track_to_folder
from detect.inference.writers import track_files


@pytest.fixture
def clip(tmp_path, image_with_red_box, write_video):
    """A box that moves from the left to the right over the middle, 48, in 18 frames."""
    images = [image_with_red_box((4 * n, 10, 4 * n + 24, 30)) for n in range(18)]
    return write_video(tmp_path / "clip.mp4", images, sound=True)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_all_files(red_finder, clip, tmp_path):
    out, seen = tmp_path / "out", []
    summary = track_to_folder(
        red_finder, clip, out, line=["50%,100%,50%,0"], zone=["0,0,40,0,40,64,0,64"], progress=seen.append
    )
    assert names(out) == ["clip-counts.csv", "clip.jsonl", "clip.mp4", "clip.txt"]
    assert sorted(path.name for path in summary.outputs) == names(out)
    assert (summary.videos, summary.frames, summary.detections, summary.counts) == (1, 18, 1, {"red": 1})
    assert [state.done for state in seen] == list(range(1, 19))
    rows = [line.split(",") for line in (out / "clip.txt").read_text().splitlines()]
    assert [row[:2] for row in rows] == [[str(frame), "1"] for frame in range(2, 19)]
    assert [float(side) for side in rows[3][2:6]] == pytest.approx([17, 11, 24, 20], abs=2)  # pixels count from 1
    assert rows[3][6:] == ["0.87500", "-1", "-1", "-1"]
    frames = [json.loads(line) for line in (out / "clip.jsonl").read_text().splitlines()]
    assert [frame["frame"] for frame in frames] == list(range(18))
    assert frames[0]["objects"] == []
    (found,) = frames[10]["objects"]
    assert {**found, "box": 0} == {"id": 1, "label": 0, "name": "red", "score": 0.875, "box": 0}
    assert found["box"] == pytest.approx([40, 10, 64, 30], abs=2)
    assert frames[10]["timestamp"] == pytest.approx(0.4)
    crossings = [crossing for frame in frames for crossing in frame.get("crossings", [])]
    assert [(crossing["region"], crossing["direction"]) for crossing in crossings] == [
        ("zone 1", "in"),
        ("zone 1", "out"),
        ("line 1", "out"),
    ]
    table = list(csv.DictReader((out / "clip-counts.csv").open()))
    assert [tuple(row.values()) for row in table] == [
        ("line 1", "red", "0", "1", ""),
        ("zone 1", "red", "1", "1", "0"),
    ]


def test_what_is_drawn(red_finder, clip, tmp_path):
    """The line, the trail and the box; and the copy has the sound of the source."""
    track_to_folder(red_finder, clip, tmp_path / "out", line=["0,60,96,60"])
    first, *_, last = decoded(tmp_path / "out" / "clip.mp4")
    assert first[60, 80].min() > 200  # white
    assert abs(first[30, 40].astype(int) - 90).max() < 20  # the grey of the image
    red, _, blue = last[30, 40].astype(int)
    assert red > blue + 50  # the trail, in the orange of the first identity
    with av.open(str(tmp_path / "out" / "clip.mp4")) as container:
        assert container.streams.audio


def test_several_videos(red_finder, clip, tmp_path, image_with_red_box, write_video):
    other = write_video(tmp_path / "other.mp4", [image_with_red_box((20, 10, 44, 30))] * 5)
    out = tmp_path / "out"
    summary = track_to_folder(red_finder, [clip, other], out, line=["50%,0,50%,100%"], pictures=False)
    assert names(out) == [f"{name}{end}" for name in ("clip", "other") for end in ("-counts.csv", ".jsonl", ".txt")]
    assert (summary.videos, summary.counts) == (2, {"red": 2})
    assert (out / "other.txt").read_text().splitlines()[0].startswith("2,1,")
    assert "line 1,red,1,0," in (out / "clip-counts.csv").read_text()
    assert "line 1,,0,0," in (out / "other-counts.csv").read_text()


def test_a_second_run_replaces_the_files_of_the_first_and_no_others(red_finder, clip, tmp_path):
    out = tmp_path / "out"
    track_to_folder(red_finder, clip, out, pictures=False)
    summary = track_to_folder(red_finder, clip, out, pictures=False)
    assert any("2 files were replaced" in note for note in summary.notes)
    (out / "clip.txt").write_text("mine, and longer than before" * 100)
    with pytest.raises(BadInput, match=r"clip\.txt would be replaced, but it has changed"):
        track_to_folder(red_finder, clip, out, pictures=False)


def test_ctrl_c_keeps_what_there_is(red_finder, clip, tmp_path):
    def stop(state):
        if state.done == 9:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        track_to_folder(red_finder, clip, out, progress=stop)
    assert names(out) == ["clip.partial.jsonl", "clip.partial.mp4", "clip.partial.txt"]
    assert len((out / "clip.partial.jsonl").read_text().splitlines()) == 9


def test_ctrl_c_ends_a_camera(red_finder, image_with_red_box, tmp_path, monkeypatch):
    from fractions import Fraction

    from detect.inference.sources import finding
    from detect.inference.sources.frames import Frame, VideoFormat

    def frames(source, *_):
        video = VideoFormat(Fraction(30), Fraction(1, 30))
        for index in range(10_000):
            yield Frame(source, image_with_red_box((20, 10, 44, 30)), 96, 64, index, Fraction(index, 30), video)

    def stop(state):
        if state.done == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(finding, "read_live", frames)
    summary = track_to_folder(red_finder, "0", tmp_path, line=["0,0,9,9"], pictures=False, progress=stop)
    assert summary.interrupted
    assert names(tmp_path) == ["camera-0-counts.csv", "camera-0.jsonl", "camera-0.txt"]


def test_images_are_no_videos(red_finder, image_with_red_box, tmp_path):
    with pytest.raises(BadInput, match=r"takes videos, a camera or a stream, got 2 images \(image in memory"):
        track_to_folder(red_finder, [image_with_red_box((0, 0, 5, 5))] * 2, tmp_path)


def test_lines_and_zones_that_cannot_be_used(red_finder, clip, tmp_path):
    with pytest.raises(BadInput, match="zone: expected"):
        track_to_folder(red_finder, clip, tmp_path, zone=["1,2"])
    with pytest.raises(BadInput, match="line 1 leaves the frames, which have 96 x 64 pixels"):
        track_to_folder(red_finder, clip, tmp_path / "out", line=["0,0,97,0"])


def test_names_that_are_formulas():
    from detect.tracking.counting import Counts
    from detect.tracking.regions import read_regions

    counts = Counts(read_regions("line", ["0,0,9,9"]), 10, 10)
    counts.regions[0].entered[0] += 1
    assert track_files._table(counts, ["=1+1"]).splitlines()[1] == "line 1,'=1+1,1,0,"
