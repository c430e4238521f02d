import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from damaged_files import damage
from records_of import records_of

from detect.data.batches import process_pool
from detect.data.batches.making import ThreadPool
from detect.data.batches.process_pool import ProcessPool
from detect.data.pipeline import PipelineSettings, evaluation_batches, training_batches, training_cache
from detect.data.pixels.images import read_image
from detect.data.pixels.resizing import Fit, letterbox, place
from detect.data.records import Record, Records
from detect.data.regular_files import path_of_part
from detect.data.samples import shared_memory
from detect.data.samples.augmentation import Augmentation
from detect.data.samples.checked_images import UnreadableImages
from detect.errors import BadInput, RunFailure

# One worker is a thread of this process; two are processes, which take a second to start.
STRONG = PipelineSettings(augmentation=Augmentation(mosaic=0.5, mixup=0.5, rotate_degrees=5), workers=1)
BY_PROCESSES = STRONG.model_copy(update={"workers": 2})


@pytest.fixture
def records(tmp_path) -> Records:
    return write_records(tmp_path)


def write_records(folder, wider: tuple[int, ...] = (0, 0, 0, 0, 0)) -> Records:
    """Five images of 60 x 40 pixels with 0 to 4 boxes; some may be wider."""
    rng, images = np.random.default_rng(0), []
    for number, extra in enumerate(wider):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (40, 60 + extra, 3)).astype(np.uint8))
        corners = rng.uniform((0, 0), (30, 20), (number, 2))
        boxes = np.concatenate([corners, corners + np.array([25, 15])], axis=1).astype(np.float32)
        labels = np.full(number, number, np.int32)
        images.append(Record(path, number + 1, 60 + extra, 40, boxes, labels, labels == 4, np.full(number, 375.0)))
    return records_of(images)


def take(batches, count: int) -> list:
    """Return the first batches as arrays; what they do not state is empty."""
    arrays = partial(tf.nest.map_structure, lambda part: np.zeros(0) if part is None else np.asarray(part))
    return [arrays(batch) for batch, _ in zip(batches, range(count), strict=False)]


def assert_same(first: list, second: list) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def train(records, settings=STRONG, *, sizes=(32,), batch_size=3, seed=0, **options):
    return training_batches(records, settings, sizes=sizes, batch_size=batch_size, seed=seed, **options)


def test_shapes_and_types_are_fixed(records):
    batches = train(records, PipelineSettings(max_boxes=6))
    images, targets, indices = batches.dataset.element_spec
    assert images == tf.TensorSpec((3, 32, 32, 3), tf.uint8)
    assert targets.boxes == tf.TensorSpec((3, 6, 4), tf.float32)
    assert targets.labels == tf.TensorSpec((3, 6), tf.int32)
    assert targets.ignore == tf.TensorSpec((3, 6), tf.bool)
    assert indices == tf.TensorSpec((3,), tf.int64)
    (batch,) = take(batches, 1)
    padded = batch.targets.labels < 0
    assert not batch.targets.boxes[padded].any()
    assert (batch.targets.boxes[~padded][:, 2:] > batch.targets.boxes[~padded][:, :2]).all()
    assert batch.targets.boxes.max() <= 32


def test_closing_a_stream_does_not_wait_for_tuning(records):
    """One in thirty closings took up to 16 s after 12 s of use, with TensorFlow's autotuning on."""
    for batches in (train(records), evaluation_batches(records, 32, 2)):
        assert batches.dataset.options().autotune.enabled is False


def test_every_record_once_per_epoch_and_none_left_out_at_its_end(records):
    indices = np.concatenate([batch.indices for batch in take(train(records), 5)])  # 15 samples: three epochs
    assert sorted(indices[:5]) == sorted(indices[5:10]) == sorted(indices[10:]) == [0, 1, 2, 3, 4]


def test_a_later_start_continues_the_same_stream(records):
    sizes = (32, 48)
    whole = take(train(records, sizes=sizes), 14)
    assert_same(whole[9:], take(train(records, sizes=sizes, first_batch=9), 5))


def test_neither_workers_nor_the_cache_change_the_result(records):
    def batches(workers, gigabytes):
        settings = STRONG.model_copy(update={"workers": workers, "cache_gigabytes": gigabytes})
        return take(train(records, settings), 6)

    expected = batches(1, 0)
    assert_same(expected, batches(3, 0))
    assert_same(expected, batches(3, 1.0))
    assert_same(expected, batches(1, 1e-5))  # room for one image


def test_images_within_one_file_give_the_same_batches(records, tmp_path):
    """Worker processes read parts of a file, too, as of TFRecord files."""
    whole, parts = tmp_path / "all.bin", []
    with whole.open("wb") as file:
        for record in records:
            content = record.image_path.read_bytes()
            path = path_of_part(str(whole), file.tell(), len(content), record.image_path.name)
            parts.append(replace(record, image_path=Path(path)))
            file.write(content)
    assert_same(take(train(records), 4), take(train(records_of(parts), BY_PROCESSES), 4))


def test_processes_make_the_samples_and_threads_the_same_where_they_cannot(records, monkeypatch):
    batches = train(records, BY_PROCESSES)
    assert isinstance(batches.maker.pool, ProcessPool if shared_memory.CAN_SHARE else ThreadPool)
    expected = take(batches, 3)
    for module in (shared_memory, process_pool):
        monkeypatch.setattr(module, "CAN_SHARE", False)
    batches = train(records, BY_PROCESSES)
    assert isinstance(batches.maker.pool, ThreadPool)
    assert_same(expected, take(batches, 3))


def test_two_processes_share_the_samples_of_one(records):
    whole = take(train(records, batch_size=4), 5)
    first, second = (take(train(records, batch_size=2, shard=(process, 2)), 5) for process in range(2))
    for together, left, right in zip(whole, first, second, strict=True):
        joined = tf.nest.map_structure(lambda *halves: np.concatenate(halves), left, right)
        tf.nest.map_structure(np.testing.assert_array_equal, joined, together)


def test_seeds_differ(records):
    first, second = take(train(records), 1), take(train(records, seed=1), 1)
    assert (first[0].images != second[0].images).any()


def test_sizes_change_between_groups_of_ten_batches(records):
    sides = [batch.images.shape[1] for batch in take(train(records, sizes=(32, 64), batch_size=1), 60)]
    assert set(sides) == {32, 64}
    assert all(len(set(sides[start : start + 10])) == 1 for start in range(0, 60, 10))


def test_all_batches_of_a_step_have_one_size(records):
    whole = take(train(records, sizes=(32, 64), batch_size=2), 30)
    parts = take(train(records, sizes=(32, 64), batch_size=1, batches_per_step=2), 60)
    for batch, first, second in zip(whole, parts[::2], parts[1::2], strict=True):
        np.testing.assert_array_equal(batch.images, np.concatenate([first.images, second.images]))


def test_the_closing_phase_shows_plain_images(records):
    still = Augmentation(flip_horizontal=0, hue=0, saturation=0, value=0, rotate_degrees=9)
    (batch,) = take(train(records, PipelineSettings(augmentation=still), closing=True), 1)
    for image, index in zip(batch.images, batch.indices, strict=True):
        original = read_image(records.image_path(index))
        np.testing.assert_array_equal(image, place(original, letterbox(32)(*original.shape[:2])))


def test_a_cache_can_be_shared(records):
    settings = PipelineSettings()
    cache = training_cache(records, settings, (32,))
    take(train(records, settings, cache=cache), 4)
    for record in records:
        record.image_path.unlink()
    take(train(records, settings, cache=cache, closing=True), 4)


def test_a_batch_names_its_images(records):
    batches = train(records, first_batch=4)
    (batch,) = take(batches, 1)
    rows = batches.image_paths(4)
    assert [int(paths[0].stem) for paths in rows] == batch.indices.tolist()
    assert {len(paths) for paths in rows} <= {1, 2, 4, 5}
    assert evaluation_batches(records, 32, 3).image_paths(1) == [(records.image_path(3),), (records.image_path(4),)]


def test_too_many_boxes_are_counted(records):
    settings = PipelineSettings(max_boxes=2, augmentation=Augmentation(mosaic=0, scale=(1, 1), translate=0))
    batches = train(records, settings, batch_size=5)
    (batch,) = take(batches, 1)
    assert (batch.targets.labels >= 0).sum() == 0 + 1 + 2 + 2 + 2
    assert batches.overflow.samples >= 2
    assert "had more than max_boxes, which is 2." in batches.overflow.summary()


def test_evaluation_shows_every_record_once_letterboxed(records):
    batches = evaluation_batches(records, 32, 2)
    assert batches.dataset.element_spec.images == tf.TensorSpec((2, 32, 32, 3), tf.uint8)
    seen = take(batches, 99)
    images, indices = (np.concatenate([getattr(batch, name) for batch in seen]) for name in ("images", "indices"))
    boxes = np.concatenate([batch.targets.boxes for batch in seen])
    np.testing.assert_array_equal(indices, [0, 1, 2, 3, 4, -1])
    for index, record in enumerate(records):
        placement = letterbox(32)(record.height, record.width)
        np.testing.assert_array_equal(images[index], place(read_image(record.image_path), placement))
        np.testing.assert_allclose(boxes[index, : len(record.labels)], record.boxes * placement.scales)
    assert (images[5] == 114).all()
    assert len(take(evaluation_batches(records[:0], 32, 2), 9)) == 0


def test_processes_take_batches_of_an_evaluation_in_turns_some_none(records):
    def shown(shard):
        return [batch.indices.numpy().tolist() for batch in evaluation_batches(records[:3], 32, 2, shard=shard)]

    assert shown((0, 1)) == [[0, 1], [2, -1]]
    assert [shown((index, 3)) for index in range(3)] == [[[0, 1]], [[2, -1]], []]


@pytest.mark.parametrize(("resampling", "dtype"), [("average", np.uint8), ("exact", np.float32)])
def test_evaluation_puts_images_of_one_canvas_together(tmp_path, resampling, dtype):
    """Short sides of 24, and 36, 48 or 36.6 for the long ones, on canvases of multiples of 8."""
    records = write_records(tmp_path, wider=(0, 20, 1, 20, 20))

    def placing(height, width):
        fit = Fit(kind="shortest", padding=(1, 2, 3), resampling=resampling)
        return fit.placement(height, width, 24, divisor=8)

    batches = evaluation_batches(records, placing, 2)
    seen = take(batches, 99)
    assert [batch.images.shape for batch in seen] == [(2, 24, 40, 3), (2, 24, 48, 3), (2, 24, 48, 3)]
    assert {batch.images.dtype for batch in seen} == {np.dtype(dtype)}
    assert [batch.indices.tolist() for batch in seen] == [[0, 2], [1, 3], [4, -1]]
    for number, batch in enumerate(seen):
        paths = batches.image_paths(number)
        for row, index in enumerate(batch.indices.tolist()):
            if index < 0:
                assert (batch.images[row] == [1, 2, 3]).all()
                assert (batch.targets.labels[row] == -1).all()
                continue
            record = records[index]
            placement = placing(record.height, record.width)
            assert paths[row] == (record.image_path,)
            np.testing.assert_array_equal(batch.images[row], place(read_image(record.image_path), placement))
            boxes = batch.targets.boxes[row, : len(record.boxes)]
            np.testing.assert_allclose(boxes, record.boxes * placement.scales)


def test_ignored_regions_stay_ignored(records):
    (batch,) = take(evaluation_batches(records, 32, 5), 1)
    np.testing.assert_array_equal(batch.targets.ignore, batch.targets.labels == 4)
    for batch in take(train(records), 5):
        np.testing.assert_array_equal(batch.targets.ignore, batch.targets.labels == 4)


def test_an_image_that_cannot_be_read_is_left_out_of_training(records):
    """The next record stands in for it, whatever the workers, the cache and the first batch are."""
    damage(records.image_path(3))
    batches = train(records, BY_PROCESSES)
    expected = take(batches, 6)
    assert batches.unreadable.indices().tolist() == [3]
    shown = np.concatenate([batch.indices for batch in expected])[:15]
    assert np.bincount(shown, minlength=5).tolist() == [3, 3, 3, 0, 6]
    assert_same(expected, take(train(records, STRONG.model_copy(update={"cache_gigabytes": 0})), 6))
    assert_same(expected[4:], take(train(records, first_batch=4), 2))
    assert records.image_path(3) not in [path for paths in batches.image_paths(0) for path in paths]


def test_an_image_that_cannot_be_read_is_blank_in_evaluation(records):
    damage(records.image_path(3))
    unreadable = UnreadableImages(5)
    seen = take(evaluation_batches(records, 32, 2, unreadable=unreadable), 9)
    assert [batch.indices.tolist() for batch in seen] == [[0, 1], [2, -1], [4, -1]]
    assert (seen[1].images[1] == 114).all()
    assert (seen[1].targets.labels[1] == -1).all()
    assert unreadable.indices().tolist() == [3]


def test_no_image_can_be_read(records):
    for record in records:
        damage(record.image_path)
    batches = train(records, BY_PROCESSES)
    with pytest.raises(BadInput, match=r"No image of the split can be read .5 tried"):
        take(batches, 1)
    with pytest.raises(BadInput, match=r"No image of the split can be read .5 tried"), batches.explained():
        next(iter(batches.dataset))


def test_other_errors_pass_through(records):
    with pytest.raises(tf.errors.InvalidArgumentError), train(records).explained():
        tf.debugging.assert_equal(1, 2)


def test_a_users_transform(records, tmp_path):
    import albumentations as A

    A.save(A.Compose([A.InvertImg(p=1)]), tmp_path / "invert.yaml", data_format="yaml")
    still = {"flip_horizontal": 0, "hue": 0, "saturation": 0, "value": 0}
    plain, inverted = (
        take(train(records, PipelineSettings(augmentation=Augmentation(**still, transform=path)), closing=True), 2)
        for path in (None, str(tmp_path / "invert.yaml"))
    )
    for one, other in zip(plain, inverted, strict=True):
        assert np.abs(other.images[:, :20] + one.images[:, :20].astype(int) - 255).max() <= 1  # rounding
        np.testing.assert_array_equal(other.targets.boxes, one.targets.boxes)

    def fail(image, **_):
        raise ValueError("oh")

    with pytest.raises(RunFailure, match=r"\d\.png: .*ValueError: oh"):
        take(train(records, transform=A.Lambda(image=fail, p=1)), 1)


def test_no_images_to_train_on(records):
    with pytest.raises(BadInput, match="no images"):
        train(records[:0])


def test_a_program_may_end_in_the_middle_of_batches(tmp_path):
    """What it registered itself, before ours, runs after ours: the stream is at its end by then."""
    program = f"""
import atexit
atexit.register(lambda: print(next(stream, "over")))
from detect.cli.starting import start_tensorflow
start_tensorflow()
import detect
from detect.data.pipeline import PipelineSettings, training_batches
from detect.data.shapes import write_shapes
records = detect.open_dataset(write_shapes({str(tmp_path)!r}, train=8, val=1)).splits["train"]
stream = iter(training_batches(records, PipelineSettings(), sizes=(64,), batch_size=4, seed=0))
next(stream)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (0, "over\n"), ended.stderr


def kept_boxes(batches, count: int) -> list[tuple[int, list[float]]]:
    """Of some batches with room for one box per image: record and box of every image that has boxes."""
    return [
        (int(index), boxes[0].tolist())
        for batch in take(batches, count)
        for index, boxes, labels in zip(batch.indices, batch.targets.boxes, batch.targets.labels, strict=True)
        if labels[0] >= 0
    ]


def one_box(records, count: int, **options) -> list[tuple[int, list[float]]]:
    """`kept_boxes` of training batches whose images are not changed."""
    settings = PipelineSettings(augmentation=Augmentation(flip_horizontal=0), max_boxes=1)
    settings = settings.model_copy(update={"workers": options.pop("workers", 1)})
    return kept_boxes(train(records, settings, closing=True, **options), count)


def test_which_boxes_are_kept_depends_on_seed_epoch_and_record_only(records):
    kept = one_box(records, 30, batch_size=1)
    assert len(kept) == 24  # 6 epochs, in each of which 4 of 5 records have boxes
    assert kept == one_box(records, 10, batch_size=3, workers=2) == one_box(records, 5, batch_size=6)
    halves = [one_box(records, 6, batch_size=3, shard=(shard, 2)) for shard in range(2)]
    assert sorted(kept + one_box(records, 6, batch_size=1, first_batch=30)) == sorted(halves[0] + halves[1])
    chosen = {tuple(box) for index, box in kept if index == 3}
    assert len(chosen) > 1  # another choice in another epoch


def test_another_seed_keeps_other_boxes(records):
    def choices(seed: int) -> list[list[float]]:
        return [box for index, box in one_box(records, 20, batch_size=5, seed=seed) if index == 3]

    assert choices(0) == choices(0)
    assert choices(0) != choices(1)
    assert set(map(tuple, choices(0))) == set(map(tuple, choices(1)))  # each box has its turn under both


def test_evaluation_keeps_the_same_boxes_in_batches_of_every_size(tmp_path):
    records = write_records(tmp_path, (0, 0, 30, 0, 0))  # two canvases
    settings = PipelineSettings(max_boxes=1)

    def placing(height, width):
        return Fit(kind="shortest").placement(height, width, 40)

    first, *others = (sorted(kept_boxes(evaluation_batches(records, placing, size, settings), 9)) for size in (1, 2, 5))
    assert len(first) == 4
    assert all(other == first for other in others)
