"""The summary that `detect predict` prints."""

from pathlib import Path

from detect.cli.predict import show_summary
from detect.inference.prediction_run import Summary

SUMMARY = {
    "images": 1, "videos": 0, "frames": 1, "detections": 1, "counts": {"cat": 1}, "seconds": 1.0, "rate": 7.25,
    "outputs": (), "skipped": (), "notes": (), "interrupted": False,
}  # fmt: skip


def lines_of(capfd, **changes) -> list[str]:
    show_summary(Summary(**(SUMMARY | changes)), Path("out"))
    return capfd.readouterr().out.splitlines()


def test_one_of_each(capfd):
    assert lines_of(capfd) == ["Processed 1 image, 7.2 frames/s.", "Found 1 object: cat 1."]


def test_several_of_each(capfd):
    lines = lines_of(capfd, images=2, videos=1, frames=12, detections=5, counts={"cat": 3, "dog": 2})
    assert lines == ["Processed 2 images and 1 video (12 frames), 7.2 frames/s.", "Found 5 objects: cat 3, dog 2."]


def test_notes(capfd):
    lines = lines_of(capfd, notes=tuple(f"note {number}" for number in range(12)))
    assert lines[:2] == ["Note: note 0", "Note: note 1"]
    assert lines[10] == "2 more notes."


def test_long_lists_are_cut_but_other_files_are_always_named(capfd):
    images = tuple(Path(f"out/{number}.jpg") for number in range(50))
    skipped = tuple(f"{number} is broken" for number in range(12))
    lines = lines_of(capfd, outputs=(*images, Path("out/a.mp4"), Path("r.json")), skipped=skipped, interrupted=True)
    assert lines[:2] == ["Skipped: 0 is broken", "Skipped: 1 is broken"]
    assert lines[10:12] == ["Skipped 2 more.", "Stopped. What was written is complete, and videos can be played."]
    assert lines[-3:] == ["Written: out/a.mp4", "Written: r.json", "Written: 50 images in out"]
