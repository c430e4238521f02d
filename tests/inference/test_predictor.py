"""Prediction, from sources to results, with a compiled step."""

import itertools
import os
import pickle
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from detect.data.pixels.resizing import Fit
from detect.errors import BadInput, RunFailure
from detect.inference.backends import tensorflow_backend
from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
from detect.inference.image_files import write_image
from detect.inference.loading import load
from detect.inference.predictor import Model
from detect.models import create
from detect.models.card import ModelCard, load_card
from detect.models.detector import DetectorConfig
from detect.models.saving import save
from detect.structures import Detections

BOX = (20, 10, 44, 30)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run folder with a best and a last model with random weights."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    detector = create("yolox-micro", 2, depth=0.0, width=0.0625)
    card = ModelCard(
        model="yolox-micro",
        config=detector.config.model_dump(),
        classes=("cat", "dog"),
        category_ids=(1, 2),
        image_size=64,
        source="best",
    )
    save(detector, card, run / "best")
    save(detector, card.model_copy(update={"source": "last"}), run / "last")
    return run


@pytest.fixture
def without_weights(monkeypatch):
    """Loading a model reads only its card."""

    def load_card_only(folder):
        card = load_card(folder)
        return SimpleNamespace(config=DetectorConfig(), size_divisor=32, smallest_side=64), card

    monkeypatch.setattr("detect.models.saving.load", load_card_only)


def test_the_step_is_traced_for_neither_thresholds_nor_batch_sizes(red_finder, image_with_red_box, monkeypatch):
    model = Model(TensorFlowBackEnd(red_finder.backend.detector), red_finder.card)
    traces, decode = [], model.backend.detector.decode
    monkeypatch.setattr(model.backend.detector, "decode", lambda *a, **b: traces.append(1) or decode(*a, **b))
    image = image_with_red_box((8, 16, 40, 32), width=64, height=64)
    found = model.detect(image[None], confidence=0.5)
    assert found.boxes.tolist() == [[[8, 16, 40, 32]]]
    assert found.scores.tolist() == [[0.875]]
    assert found.labels.tolist() == [[0]]
    for count, confidence in ((3, 0.1), (1, 0.9), (5, 0.875)):
        found = model.detect(np.stack([image] * count), confidence, iou=0.3)
        assert found.labels.tolist() == [[0 if confidence < 0.875 else -1]] * count
    assert model.detect(tf.zeros([0, 64, 64, 3], tf.uint8)).labels.shape == (0, 1)
    assert len(traces) == 2  # the first call runs as it is, and the second one traces a step for all later ones


@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 64, 64, 4), (1, 60, 64, 3)])
def test_what_cannot_be_detected_on(red_finder, shape):
    expected = r"Expected uint8 images \[B, 64, 64, 3\], or other multiples of 32, at least 32"
    with pytest.raises(BadInput, match=expected):
        red_finder.detect(np.zeros(shape, np.uint8))
    with pytest.raises(BadInput, match="got float32"):
        red_finder.detect(np.zeros((1, 64, 64, 3), np.float32))


@pytest.mark.parametrize(("width", "height"), [(96, 64), (64, 96), (640, 480), (33, 17), (64, 64)])
def test_boxes_are_pixels_of_the_source(red_finder, image_with_red_box, width, height):
    box = (width // 4, height // 3, width // 2, height - 2)
    (result,) = red_finder.predict(image_with_red_box(box, width, height))
    tolerance = max(width, height) / 64  # one pixel of the model
    assert np.abs(result.boxes - [box]).max() <= tolerance
    assert (result.names, result.scores.tolist()) == (["red"], [0.875])


def test_results_are_in_order_and_exact_about_their_files(red_finder, image_with_red_box, tmp_path):
    for number in range(7):
        write_image(tmp_path / f"{number} 漢.png", image_with_red_box((8 * number, 8, 8 * number + 16, 40)))
    results = red_finder.predict(tmp_path, batch_size=3)
    assert isinstance(results, list)
    assert [result.image_path for result in results] == [str(tmp_path / f"{number} 漢.png") for number in range(7)]
    assert np.abs([result.boxes[0, 0] - 8 * number for number, result in enumerate(results)]).max() <= 1.5
    assert all(result.frame.pixels is None for result in results)
    assert results[2].image.shape == (64, 96, 3)


def test_nothing_is_found(red_finder, image_with_red_box):
    images = [image_with_red_box((0, 0, 0, 0)), image_with_red_box(BOX)]
    assert [len(result) for result in red_finder.predict(images)] == [0, 1]
    assert [len(result) for result in red_finder.predict(images, confidence=0.9)] == [0, 0]
    assert red_finder.predict(images)[0].boxes.shape == (0, 4)


def test_a_bad_file_is_a_warning(red_finder, image_with_red_box, tmp_path):
    write_image(tmp_path / "1.png", image_with_red_box(BOX))
    (tmp_path / "2.png").write_bytes(b"bad")
    with pytest.warns(UserWarning, match=r"2\.png"):
        assert len(red_finder.predict(tmp_path)) == 1


def test_videos_are_lazy_and_images_are_lists(red_finder, image_with_red_box, write_video, tmp_path):
    images = [image_with_red_box((2 * number, 10, 2 * number + 24, 30)) for number in range(20)]
    video = write_video(tmp_path / "a.mp4", images)
    results = red_finder.predict(video)
    assert not isinstance(results, list)
    first = next(results)
    assert (first.index, first.timestamp, first.image.shape) == (0, 0.0, (64, 96, 3))
    rest = list(results)
    assert [result.index for result in rest] == list(range(1, 20))
    assert np.abs([result.boxes[0] - [2 * n + 2, 10, 2 * n + 26, 30] for n, result in enumerate(rest)]).max() <= 2.5
    assert isinstance(red_finder.predict(video, stream=False), list)
    assert not isinstance(red_finder.predict(images[0], stream=True), list)


def test_videos_go_without_the_rows_that_are_only_grey(red_finder, image_with_red_box, write_video, tmp_path):
    sizes = {(96, 64): (64, 64), (64, 16): (32, 64), (16, 96): (64, 32), (192, 64): (32, 64)}
    for (width, height), canvas in sizes.items():
        video = write_video(tmp_path / f"{width}.mp4", [image_with_red_box((2, 2, 10, 10), width, height)])
        red_finder.backend._steps.clear()
        (result,) = red_finder.predict(video)
        assert list(red_finder.backend._steps) == [canvas]
        assert np.abs(result.boxes - [[2, 2, 10, 10]]).max() <= 3


def test_images_may_keep_their_shapes(red_finder, image_with_red_box):
    card = red_finder.card.model_copy(update={"fit": Fit(kind="shortest", longest=96, resampling="linear")})
    model = Model(TensorFlowBackEnd(red_finder.backend.detector), card)
    sizes = [(96, 64), (64, 96), (100, 64), (640, 64), (33, 64)]
    images = [image_with_red_box((10, 20, 30, 60), width, height) for width, height in sizes]
    results = model.predict(images)
    assert set(model.backend._steps) == {(64, 96), (96, 64), (32, 96)}
    for (width, _), result in zip(sizes, results, strict=True):
        pixel = max(1, width / 96)
        np.testing.assert_allclose(result.boxes, [[10, 20, 30, 60]], atol=1.01 * pixel)


def test_stretched_images_get_their_boxes_back(red_finder, image_with_red_box):
    card = red_finder.card.model_copy(update={"fit": Fit(kind="stretch", resampling="linear")})
    model = Model(TensorFlowBackEnd(red_finder.backend.detector), card)
    (result,) = model.predict(image_with_red_box((32, 12, 64, 24), width=256, height=32))
    assert result.boxes.tolist() == [[32, 12, 64, 24]]
    assert list(model.backend._steps) == [(64, 64)]


def test_images_may_keep_fractions(red_finder, image_with_red_box):
    card = red_finder.card.model_copy(update={"fit": Fit(resampling="exact")})
    model = Model(TensorFlowBackEnd(red_finder.backend.detector), card)
    image = image_with_red_box((32, 12, 64, 24), width=64, height=64)
    (result,) = model.predict(image)
    assert result.boxes.tolist() == [[32, 12, 64, 24]]
    for dtype in (np.uint8, np.float32):
        assert model.detect(image[None].astype(dtype)).boxes.tolist() == [[[32, 12, 64, 24]]]
    assert list(model.backend._steps) == [(64, 64)]


def test_compiled_steps_do_not_pile_up(red_finder, monkeypatch):
    model = Model(TensorFlowBackEnd(red_finder.backend.detector), red_finder.card)
    monkeypatch.setattr(tensorflow_backend, "MOST_STEPS", 3)
    for height in (32, 64, 96, 32, 128, 96, 160):
        model.detect(np.zeros((1, height, 32, 3), np.uint8))
    assert [height for height, _ in model.backend._steps] == [128, 96, 160]


def test_weights_become_constants_of_a_few_steps_only(saved, monkeypatch):
    model, frozen = load(saved), []
    monkeypatch.setattr(tensorflow_backend, "with_constant_weights", lambda step, _: frozen.append(step) or step)
    for width in (64, 96, 128):
        model.detect(np.zeros((1, 64, width, 3), np.uint8))
    assert not frozen
    for width in (64, 96, 128):
        model.detect(np.zeros((1, 64, width, 3), np.uint8))
    assert len(frozen) == 3
    monkeypatch.setattr(tensorflow_backend, "CONSTANT_BYTES", 1)
    for _ in range(2):
        model.detect(np.zeros((1, 64, 160, 3), np.uint8))
    assert len(frozen) == 3
    model = load(saved)
    for _ in range(2):
        model.detect(np.zeros((1, 64, 64, 3), np.uint8))
    assert len(frozen) == 4


def test_a_generator_may_have_no_end(red_finder, image_with_red_box, write_video, tmp_path):
    image, video = image_with_red_box(BOX), write_video(tmp_path / "a.mp4", [image_with_red_box(BOX)] * 3)
    taken = []

    def images():
        for number in itertools.count():
            taken.append(number)
            yield image

    results = red_finder.predict(images())
    assert [len(next(results)) for _ in range(20)] == [1] * 20
    results.close()
    assert len(taken) < 20 + 10  # few more than were asked for
    found = red_finder.predict(iter([image, video, image]), every=2)
    assert [result.index for result in found] == [0, 0, 2, 0]
    assert isinstance(red_finder.predict(iter([image]), stream=False), list)


def test_the_first_result_does_not_wait_for_the_second_image(red_finder, image_with_red_box):
    there_is_a_second = threading.Event()

    def images():
        yield image_with_red_box(BOX)
        assert there_is_a_second.wait(60)
        yield image_with_red_box(BOX)

    results = red_finder.predict(images())
    assert len(next(results)) == 1
    there_is_a_second.set()
    assert len(list(results)) == 1


def test_what_a_generator_yields_is_checked(red_finder, image_with_red_box, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"bad")
    with pytest.warns(UserWarning, match=r"bad\.jpg"):
        assert len(list(red_finder.predict(iter([tmp_path / "bad.jpg", image_with_red_box(BOX)])))) == 1
    with pytest.raises(BadInput, match="is not a source"):
        list(red_finder.predict(iter([3.5])))


def test_a_camera_fits_no_list(red_finder):
    with pytest.raises(BadInput, match="A camera has no end"):
        red_finder.predict("0", stream=False)


def test_problems_are_raised_at_once(red_finder):
    with pytest.raises(BadInput, match="There is no file or folder"):
        red_finder.predict("nothing.mp4")


def test_a_saved_model_predicts(saved):
    model = load(saved)
    assert (model.card.source, model.classes, model.image_size) == ("best", ("cat", "dog"), 64)
    assert repr(model) == "<Model yolox-micro, 2 classes, 64 px>"
    results = model.predict([np.zeros((48, 64, 3), np.uint8)] * 2, confidence=0.0)
    assert [len(result) for result in results] == [100, 100]
    assert all((result.boxes[:, 3] <= 48).all() for result in results)


@pytest.mark.usefixtures("without_weights")
def test_a_model_is_pickled_by_its_folder(saved, monkeypatch):
    monkeypatch.chdir(saved.parent)
    model = load(saved.name)
    monkeypatch.chdir("/")
    again = pickle.loads(pickle.dumps(model))
    assert again.card == model.card
    with pytest.raises(BadInput, match="is in memory only, and cannot be pickled: save it"):
        pickle.dumps(Model(model.backend, model.card))


@pytest.mark.usefixtures("without_weights")
def test_a_forked_process_is_told_to_load_the_model_itself(saved, monkeypatch):
    model = load(saved)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(RunFailure, match="was loaded before this process was forked"):
        model.detect(np.zeros((1, 64, 64, 3), np.uint8))


@pytest.mark.usefixtures("without_weights")
def test_load_takes_the_best_of_a_run(saved, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last").symlink_to(saved / "last")
    assert load(saved).card.source == "best"
    assert load(str(saved / "last")).card.source == "last"
    with pytest.raises(BadInput, match=r"has no best, the best model of the run\. Give \S+last for its newest model"):
        load(tmp_path / "run")
    assert load("yolox-micro", weights=saved / "last").card.source == "last"


@pytest.mark.usefixtures("without_weights")
def test_load_says_what_it_expects(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(saved.parent)
    (tmp_path / "empty").mkdir()
    expected = r"Expected a run folder \(with best\) or a model folder \(with model.json\)"
    with pytest.raises(BadInput, match=f"empty does not contain a model. {expected}"):
        load(tmp_path / "empty")
    with pytest.raises(BadInput, match=f"There is no tiny2 .*{expected}"):
        load("tiny2")
    with pytest.raises(BadInput, match="yolox-nano is the name of an untrained model"):
        load("yolox-nano")
    with pytest.raises(BadInput, match=r"tiny is a yolox-micro, not a yolox-s"):
        load("yolox-s", weights=saved)


def test_load_names_the_runs_that_there_are(saved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(saved.parent)
    with pytest.raises(BadInput, match="Did you mean 'runs/tiny'"):
        load("tiny")


def test_warnings_are_not_errors_of_the_reader(red_finder, image_with_red_box, tmp_path):
    write_image(tmp_path / "1.png", image_with_red_box(BOX))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(red_finder.predict(tmp_path)) == 1


class Known:
    """A back end that detects the same three boxes in every image: two of class 0, one of class 1."""

    name, confidence, iou, batch_size, size_divisor, smallest_side, canvases = "known", 0.01, 0.5, 1, 32, 32, ()

    def detect(self, images, extents, confidence, iou):
        scores = np.float32([[0.9, 0.5, 0.2]])
        labels = np.where(scores > confidence, np.int32([[0, 1, 0]]), -1)
        boxes = np.tile(np.float32([[1, 2, 3, 4]]), (1, 3, 1))
        return Detections(*(np.repeat(part, len(images), axis=0) for part in (boxes, scores, labels)))


@pytest.mark.parametrize(("count", "batch_size", "started"), [(1, None, False), (3, 4, False), (5, 4, True)])
def test_threads_are_started_only_where_there_is_more_than_a_batch(count, batch_size, started, monkeypatch):
    threads, start = [], threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: threads.append(thread) or start(thread))
    card = ModelCard(model="", config={}, classes=("a", "b"), category_ids=(1, 2), image_size=32)
    images = [np.zeros((32, 32, 3), np.uint8)] * count
    assert len(Model(Known(), card).predict(images, batch_size=batch_size)) == count
    assert bool(threads) == started


def test_each_class_has_the_confidence_of_the_card_unless_the_user_names_one():
    card = ModelCard(
        model="", config={}, classes=("a", "b"), category_ids=(1, 2), image_size=32, confidences={"a": 0.1, "b": 0.6}
    )
    images = np.zeros((2, 32, 32, 3), np.uint8)
    found = Model(Known(), card).detect(images)
    np.testing.assert_array_equal(found.labels, [[0, 0, -1]] * 2)
    np.testing.assert_array_equal(found.scores, np.float32([[0.9, 0.2, 0]] * 2))
    assert (found.boxes[:, 2] == 0).all()
    np.testing.assert_array_equal(Model(Known(), card).detect(images, 0.3).labels, [[0, 1, -1]] * 2)
    (result,) = Model(Known(), card).predict(images[0])
    assert result.labels.tolist() == [0, 0]
    usual = card.model_copy(update={"confidences": {}})
    np.testing.assert_array_equal(Model(Known(), usual).detect(images).labels, [[0, 1, -1]] * 2)
