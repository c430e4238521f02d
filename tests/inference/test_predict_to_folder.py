"""All of `detect predict` except its command line."""

import csv
import json
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from detect.data.pixels.images import read_image
from detect.errors import BadInput, RunFailure
from detect.inference import prediction_run as run
from detect.inference.image_files import write_image
from detect.inference.prediction_run import predict_to_folder
from detect.inference.sources import finding as sources

BOX = (20, 10, 44, 30)


@pytest.fixture
def folder(tmp_path, image_with_red_box, write_video):
    """Two images, a bad file and a video of 12 frames."""
    given = tmp_path / "given"
    write_image(given / "b" / "2.png", image_with_red_box(BOX))
    write_image(given / "1.jpg", image_with_red_box((0, 0, 0, 0)))
    (given / "3.jpg").write_bytes(b"bad")
    write_video(given / "ü.mp4", [image_with_red_box((n, 10, n + 24, 30)) for n in range(12)])
    return given


def names(folder):
    """The files in a folder, without the hidden list of what runs have written."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix() for path in files)


def test_everything_at_once(red_finder, folder, tmp_path):
    out, seen = tmp_path / "out", []
    summary = predict_to_folder(
        red_finder,
        folder,
        out,
        save_json=tmp_path / "r.json",
        save_csv=out / "t.csv",
        save_yolo=True,
        save_crops=True,
        progress=seen.append,
    )
    assert (summary.images, summary.videos, summary.frames, summary.detections) == (2, 1, 14, 13)
    assert summary.counts == {"red": 13}
    assert not summary.interrupted
    assert summary.rate > 0
    assert len(summary.skipped) == 1
    assert "3.jpg" in summary.skipped[0]
    assert summary.notes == ()
    expected = [out / "1.jpg", out / "ü.mp4", out / "b/2.png", tmp_path / "r.json", out / "t.csv"]
    assert list(summary.outputs) == [*expected, out / "labels", out / "crops"]

    frames = [f"ü-{index:06d}" for index in range(12)]
    crops = [f"crops/red/{name}-1.jpg" for name in ["b/2", *frames]]
    labels = [f"labels/{name}.txt" for name in ["1", "b/2", *frames]]
    assert names(out) == sorted(["1.jpg", "b/2.png", "ü.mp4", "t.csv", "classes.txt", *crops, *labels])
    assert [state.done for state in seen] == list(range(1, 15))
    assert {state.total for state in seen} == {None}

    entries = json.loads((tmp_path / "r.json").read_text())
    assert len(entries) == 13
    assert {entry["category_id"] for entry in entries} == {7}
    with open(out / "t.csv", encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == 14
    assert np.array_equal(read_image(out / "b/2.png"), red_finder.predict(folder / "b" / "2.png")[0].plot())
    with av.open(str(out / "ü.mp4")) as video:
        assert [round(frame.time * 25) for frame in video.decode(video=0)] == list(range(12))


def test_only_what_is_asked_for(red_finder, folder, tmp_path):
    seen = []
    summary = predict_to_folder(red_finder, folder / "b", tmp_path / "out", pictures=False, progress=seen.append)
    assert (summary.outputs, seen[0].total) == ((), 1)
    assert not (tmp_path / "out").exists()
    predict_to_folder(red_finder, folder / "ü.mp4", tmp_path / "out", pictures=False, progress=seen.append)
    assert seen[-1].total == 12


def test_earlier_outputs_are_not_sources(red_finder, folder):
    out = folder / "predictions"
    for _ in range(2):
        assert predict_to_folder(red_finder, folder, out).frames == 14


def test_a_source_is_not_replaced(red_finder, folder):
    before = (folder / "1.jpg").read_bytes()
    with pytest.raises(BadInput, match=r"1\.jpg would replace its own source"):
        predict_to_folder(red_finder, folder / "1.jpg", folder)
    assert (folder / "1.jpg").read_bytes() == before


@pytest.mark.parametrize("theirs", ["out/labels/1.txt", "out/classes.txt", "out/1.jpg", "out/b/2.png"])
def test_what_no_run_has_made_is_not_replaced(red_finder, folder, tmp_path, theirs):
    (folder / "ü.mp4").unlink()
    path = tmp_path / theirs
    path.parent.mkdir(parents=True)
    path.write_text("0 0.5 0.5 0.1 0.1")
    with pytest.raises(BadInput, match=f"{path} would be replaced, but it is not from an earlier run"):
        predict_to_folder(red_finder, folder, tmp_path / "out", save_yolo=True)
    assert path.read_text() == "0 0.5 0.5 0.1 0.1"
    assert names(tmp_path / "out") == [path.relative_to(tmp_path / "out").as_posix()]


def test_files_of_an_earlier_run_are_replaced_unless_somebody_changed_them(red_finder, folder, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        predict_to_folder(red_finder, folder, out, save_yolo=True, save_crops=True)
    (out / "labels" / "b" / "2.txt").write_text("corrected")
    with pytest.raises(BadInput, match=r"labels/b/2\.txt would be replaced, but it has changed since it was written"):
        predict_to_folder(red_finder, folder, out, save_yolo=True)
    assert (out / "labels" / "b" / "2.txt").read_text() == "corrected"


def test_nothing_outdated_stays_beside_new_files(red_finder, folder, tmp_path, image_with_red_box):
    out = tmp_path / "out"
    predict_to_folder(red_finder, folder / "ü.mp4", out, save_crops=True, save_yolo=True)
    predict_to_folder(red_finder, folder / "b", out, save_crops=True, save_yolo=True)
    assert "crops/red/2-1.jpg" in names(out)
    write_image(folder / "b" / "2.png", image_with_red_box((0, 0, 0, 0)))
    summary = predict_to_folder(red_finder, folder / "b", out, save_crops=True, save_yolo=True)
    assert "crops/red/2-1.jpg" not in names(out)
    # The copy and the labels again, and no crop any more.
    assert summary.notes == (f"Of an earlier run in {out}, 2 files were replaced and 1 removed.",)
    assert len(list((out / "crops" / "red").iterdir())) == 12  # of the video, which this run has not seen
    assert (out / "labels" / "2.txt").read_text() == ""


def test_tables_and_results_that_are_replaced_are_named(red_finder, folder, tmp_path):
    files = {"save_json": tmp_path / "r.json", "save_csv": tmp_path / "t.csv"}
    first, second = (predict_to_folder(red_finder, folder / "b", tmp_path, pictures=False, **files) for _ in range(2))
    assert first.notes == ()
    assert second.notes == tuple(f"{path} of an earlier run was replaced." for path in files.values())


def test_labels_of_other_classes_do_not_share_a_folder(red_finder, folder, tmp_path):
    out = tmp_path / "out"
    predict_to_folder(red_finder, folder / "b", out, save_yolo=True, pictures=False)
    other = type(red_finder)(red_finder.backend, red_finder.card.model_copy(update={"classes": ("blue", "red")}))
    with pytest.raises(BadInput, match=r"classes\.txt has the classes of other labels"):
        predict_to_folder(other, folder / "1.jpg", out, save_yolo=True, pictures=False)
    predict_to_folder(other, folder / "b", out, save_yolo=True, pictures=False)
    assert (out / "classes.txt").read_text() == "blue\nred\n"


def test_no_two_outputs_are_one_file(red_finder, folder, tmp_path, image_with_red_box):
    write_image(folder / "ü-000000.jpg", image_with_red_box(BOX))
    summary = predict_to_folder(red_finder, folder, tmp_path / "out", save_yolo=True, save_crops=True)
    assert len(list((tmp_path / "out" / "labels").rglob("*.txt"))) == summary.frames == 15
    assert len(list((tmp_path / "out" / "crops").rglob("*.jpg"))) == summary.detections == 14
    with pytest.raises(BadInput, match="cannot hold two outputs"):
        predict_to_folder(red_finder, folder, tmp_path / "o", save_json=tmp_path / "r", save_csv=tmp_path / "r")


def test_bad_input_leaves_nothing(red_finder, folder, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(BadInput, match=r"3\.jpg"):
        predict_to_folder(red_finder, folder / "3.jpg", out, save_json=out / "r.json", save_csv=out / "t.csv")
    assert names(out) == []


@pytest.mark.parametrize("option", ["save_json", "save_csv"])
def test_a_full_device_is_one_failure_and_stays_a_device(red_finder, folder, tmp_path, option):
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("needs /dev/full")
    with pytest.raises(RunFailure, match="/dev/full cannot be written: No space left on device"):
        predict_to_folder(red_finder, folder, tmp_path / "out", pictures=False, **{option: full})
    assert full.is_char_device()


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits of files")
@pytest.mark.parametrize("option", ["save_json", "save_csv"])
def test_what_was_there_stays_where_there_is_no_room(red_finder, image_with_red_box, tmp_path, option):
    import resource

    file, image = tmp_path / "r", image_with_red_box(BOX)
    predict_to_folder(red_finder, image, tmp_path / "out", pictures=False, **{option: file})
    before, limits = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        with pytest.raises(RunFailure, match=f"{file} cannot be written: File too large"):
            predict_to_folder(red_finder, [image] * 100, tmp_path / "out", pictures=False, **{option: file})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.fixture
def annotated(folder):
    """The images of `folder` as a COCO dataset with ids that their names do not tell."""
    (folder / "3.jpg").unlink()
    images = [
        {"id": 5, "file_name": "b/2.png", "width": 96, "height": 64},
        {"id": 2, "file_name": "1.jpg", "width": 96, "height": 64},
    ]
    box = [BOX[0], BOX[1], BOX[2] - BOX[0], BOX[3] - BOX[1]]
    boxes = [
        {"id": 1, "image_id": 5, "category_id": 3, "bbox": box},
        {"id": 2, "image_id": 2, "category_id": 4, "bbox": box},
    ]
    names = [{"id": 3, "name": "red"}, {"id": 4, "name": "blue"}]
    (folder / "val.json").write_text(json.dumps({"images": images, "annotations": boxes, "categories": names}))
    return folder / "val.json"


def entries_of(red_finder, sources, path, **options):
    summary = predict_to_folder(red_finder, sources, path.parent / "out", pictures=False, save_json=path, **options)
    entries = json.loads(path.read_text())
    return [(entry["image_id"], entry["category_id"], entry["file_name"]) for entry in entries], summary.notes


@pytest.mark.parametrize("sources", [None, "b", "b/2.png"])
def test_the_ids_of_a_dataset(red_finder, annotated, tmp_path, sources):
    given = sources and annotated.parent / sources
    entries, notes = entries_of(red_finder, given, tmp_path / "r.json", data=annotated)
    assert [entry[:2] for entry in entries] == [(5, 3)]
    assert notes == (
        f"Classes that the split 'val' of {annotated} does not have are left out of the results file: never.",
    )


def test_what_is_written_without_a_dataset_is_scored_too(red_finder, annotated, tmp_path):
    from detect.evaluation.evaluation_run import evaluate
    from detect.evaluation.results_file import evaluate_predictions

    images = [annotated.parent / "1.jpg", annotated.parent / "b"]
    entries, _ = entries_of(red_finder, images, tmp_path / "r.json", confidence=0.01)
    assert entries == [(2, 7, "b/2.png")]  # the number in the name, and the id that the model knows
    scores = evaluate_predictions(tmp_path / "r.json", annotated)
    assert scores.to_json() == evaluate(red_finder, annotated, confidence=0.01).to_json()
    assert pytest.approx(0.5) == scores.AP50


@pytest.mark.parametrize("split", ["val", "test"])
def test_of_one_file_all_is_predicted_and_scored_whatever_its_name(red_finder, annotated, tmp_path, split):
    from detect.evaluation.evaluation_run import evaluate
    from detect.evaluation.results_file import evaluate_predictions

    file = annotated.rename(annotated.with_name("boxes.json"))
    entries_of(red_finder, None, tmp_path / "r.json", data=file, split=split, confidence=0.01)
    scores = evaluate(red_finder, file, split, confidence=0.01)
    assert scores.to_json() == evaluate_predictions(tmp_path / "r.json", file, split).to_json()
    assert sum(row["images"] for row in scores.per_class.values()) == 2
    assert f"all images of {file} are taken (2): it is one file, and has no split {split!r}" in scores.notes


def test_scores_of_images_that_were_learnt_say_so(red_finder, annotated):
    from detect.data.dataset import with_validation
    from detect.data.readers.description import open_dataset
    from detect.evaluation.evaluation_run import evaluate

    file = annotated.rename(annotated.with_name("boxes.json"))
    digest = with_validation(open_dataset(file)).digest()
    trained = type(red_finder)(red_finder.backend, red_finder.card.model_copy(update={"data_digest": digest}))
    note = "The model was trained on 1 of these 2 images: its scores on the others are in evaluation.json of its run."
    assert note in evaluate(trained, file).notes
    assert note not in evaluate(red_finder, file).notes


def test_a_source_that_is_not_in_the_dataset(red_finder, annotated, tmp_path, image_with_red_box):
    write_image(tmp_path / "other.png", image_with_red_box(BOX))
    with pytest.raises(BadInput, match=r"other\.png is not an image of the split 'val'"):
        entries_of(red_finder, tmp_path / "other.png", tmp_path / "r.json", data=annotated)
    assert not (tmp_path / "r.json").exists()


def interrupting(state):
    if state.done == 5:
        raise KeyboardInterrupt


def test_ctrl_c_keeps_what_is_finished(red_finder, folder, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        predict_to_folder(red_finder, folder, out, save_csv=out / "t.csv", progress=interrupting)
    assert names(out) == ["1.jpg", "t.partial.csv", "ü.partial.mp4"]
    with av.open(str(out / "ü.partial.mp4")) as video:
        assert len(list(video.decode(video=0))) == 4
    predict_to_folder(red_finder, folder, out, save_csv=out / "t.csv")
    assert names(out) == ["1.jpg", "b/2.png", "t.csv", "ü.mp4"]


def test_ctrl_c_is_how_a_camera_ends(red_finder, image_with_red_box, tmp_path, monkeypatch):
    video = sources.read_video

    def endless_camera(source, tell, reading, stopped):
        from dataclasses import replace

        file = replace(source, address=str(tmp_path / "camera.mp4"), kind="video")
        for frame in video(file, tell):
            yield replace(frame, source=source)

    monkeypatch.setattr(sources, "read_live", endless_camera)
    path = tmp_path / "camera.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for _ in range(200):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image_with_red_box(BOX), format="rgb24")))
        container.mux(stream.encode())
    for _ in range(3):  # the recordings of earlier runs stay
        summary = predict_to_folder(red_finder, "0", tmp_path / "out", save_yolo=True, progress=interrupt_at_once)
        assert summary.interrupted
        assert (summary.videos, summary.frames) == (1, 1)
        with av.open(str(summary.outputs[0])) as written:
            assert len(list(written.decode(video=0))) == 1
    recordings = ["camera-0-2", "camera-0-3", "camera-0"]
    labels = [f"labels/{name}-000000.txt" for name in recordings]
    assert names(tmp_path / "out") == [*(f"{name}.mp4" for name in recordings), "classes.txt", *sorted(labels)]


def interrupt_at_once(state):
    raise KeyboardInterrupt


def test_frames_in_memory_are_bounded(red_finder, image_with_red_box, write_video, tmp_path, monkeypatch):
    import weakref

    video = write_video(tmp_path / "long.mp4", [image_with_red_box(BOX)] * 150)
    images = []
    real_read = run.read_frames

    def watched(*given, **named):
        for frame in real_read(*given, **named):
            images.append(weakref.ref(frame.image))
            yield frame
            del frame

    monkeypatch.setattr(run, "read_frames", watched)
    most = []
    predict_to_folder(
        red_finder,
        video,
        tmp_path / "out",
        progress=lambda state: most.append(sum(image() is not None for image in images)),
    )
    assert len(most) == 150
    assert max(most) <= 5 * red_finder.backend.batch_size + 3


def test_each_connection_to_a_stream_has_a_recording(red_finder, image_with_red_box, transport_stream, serve, tmp_path):
    content = transport_stream([image_with_red_box(BOX)] * 6)
    told, out, options = [], tmp_path / "out", {"reconnect": True, "timeout": 0.2}
    address = serve([content], [content, None])

    def stop(state):
        if state.result.index == 11:  # the last one; those before may be dropped
            raise KeyboardInterrupt

    summary = predict_to_folder(red_finder, address, out, progress=stop, tell=told.append, save_yolo=True, **options)
    assert summary.interrupted
    assert [path.name for path in summary.outputs] == ["live.mp4", "live-2.mp4", "labels"]
    numbers = {int(path.stem.removeprefix("live-")) for path in (out / "labels").iterdir()}
    for path, of_connection in zip(summary.outputs, (numbers & {*range(6)}, numbers & {*range(6, 12)}), strict=False):
        with av.open(str(path)) as video:
            times = [round(frame.time * 25) for frame in video.decode(video=0)]
        assert times == [number - min(of_connection) for number in sorted(of_connection)]
    assert "It is tried again in 1 s" in told[0]
    assert told[1].endswith("frames arrive again.")
    for thread in threading.enumerate():  # those of the connection that stalls
        if thread.name == "detect-ahead":
            thread.join(60)
            assert not thread.is_alive()


def test_frames_are_images_for_their_label_files(red_finder, folder, tmp_path):
    out = tmp_path / "out"
    predict_to_folder(red_finder, folder, out, save_frames=True, save_yolo=True, pictures=False, every=5, start=0.3)
    assert names(out / "images") == ["ü-000010.jpg"]
    assert names(out / "labels") == ["1.txt", "b/2.txt", "ü-000010.txt"]
    assert np.abs(read_image(out / "images" / "ü-000010.jpg")[20, 20] - [255, 0, 0]).max() < 40


def test_a_part_of_a_video_plays_from_its_beginning(red_finder, image_with_red_box, write_video, tmp_path):
    images = [image_with_red_box((n, 10, n + 24, 30)) for n in range(50)]
    video = write_video(tmp_path / "a.mp4", images, sound=True)
    predict_to_folder(red_finder, video, tmp_path / "out", start=1, end=1.6, every=5)
    with av.open(str(tmp_path / "out" / "a.mp4")) as copy:
        assert [round(frame.time * 25) for frame in copy.decode(video=0)] == [0, 5, 10]
        assert float(copy.streams.video[0].duration * copy.streams.video[0].time_base) == pytest.approx(0.6, abs=0.02)
    with av.open(str(tmp_path / "out" / "a.mp4")) as copy:
        times = [frame.time for frame in copy.decode(audio=0)]
    assert times[0] < 0.07
    assert 0.5 < times[-1] < 0.65


class FakeWindow:
    """Stands for `Window`: the user ends it at the third result."""

    def __init__(self, draw):
        self.draw, self.shown = draw, []

    def show(self, result):
        self.shown.append(self.draw(result))
        return len(self.shown) < 3

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert len(self.shown) == 3


def test_a_key_in_the_window_ends_a_run(red_finder, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "Window", FakeWindow)
    summary = predict_to_folder(red_finder, folder / "ü.mp4", tmp_path / "out", show=True, line_width=5)
    assert (summary.frames, summary.interrupted) == (3, True)
    with av.open(str(tmp_path / "out" / "ü.mp4")) as video:
        assert len(list(video.decode(video=0))) == 3
