"""Views of images: pixels that are not resized, boxes that come back, and the choice of tiles."""

import numpy as np
import pytest
import tifffile

from detect.config import as_option
from detect.data.pixels.images import read_image
from detect.data.pixels.resizing import Fit
from detect.data.pixels.tiles import Tiling, Window
from detect.errors import BadInput
from detect.inference.options import ViewOptions, grouped
from detect.inference.prediction_run import predict_to_folder
from detect.inference.predictor import Model
from detect.inference.views import SCALES, Views

SIDE = 64
IMAGE = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)


def placing(height, width, trimmed=False):
    return Fit().placement(height, width, SIDE, divisor=32, trimmed=trimmed)


def painted(view, image=IMAGE):
    canvas = np.empty((*view.placement.canvas, 3), view.placement.dtype)
    view.paint(view.window.of(image), canvas)
    return canvas


def test_whole_images_have_one_view_as_ever():
    (view,) = Views(placing).of(150, 200, trimmed=True)
    assert view.window == Window(0, 0, 200, 150)
    assert view.placement == placing(150, 200, trimmed=True)


def test_a_tile_of_the_size_of_the_model_shows_the_pixels_of_the_image():
    views = Views(placing, Tiling(tile=SIDE)).of(150, 200)
    assert len(views) == 3 * 4
    for view in views:
        left, top, right, bottom = view.window
        assert (painted(view) == IMAGE[top:bottom, left:right]).all()


@pytest.mark.parametrize("resampling", ["average", "linear", "exact"])
def test_an_image_that_is_smaller_than_a_tile_keeps_its_scale(resampling):
    def place(height, width, trimmed=False):
        return Fit(resampling=resampling).placement(height, width, SIDE)

    image = IMAGE[:40, :50]
    (view,) = Views(place, Tiling(tile=SIDE)).of(40, 50)
    canvas = painted(view, image)
    assert (canvas[:40, :50] == image).all()
    assert (canvas[40:] == 114).all()
    assert (canvas[:, 50:] == 114).all()
    assert view.placement.extent == (40, 50)


@pytest.mark.parametrize("tiling", [None, Tiling(tile=64), Tiling(tile=100, tile_overlap=0.1)])
@pytest.mark.parametrize("fit", [Fit(), Fit(kind="stretch"), Fit(kind="shortest", longest=90)])
def test_boxes_come_back_from_every_view(tiling, fit):
    """The whole of each view, as a box on its canvas, is its window in the image."""
    views = Views(lambda *size: fit.placement(*size[:2], SIDE, divisor=32), tiling, augmented=True).of(150, 200)
    assert len({view.placement.canvas for view in views}) == 1
    assert sum(view.mirrored for view in views) * 2 == len(views) >= 2 * len(SCALES)
    for view in views:
        rows, columns = view.placement.extent
        assert view.to_image(np.float32([[0, 0, columns, rows]]))[0] == pytest.approx(view.window, abs=1e-3)


def test_a_mirrored_view_is_the_mirrored_image_and_its_boxes_are_mirrored_back():
    views = Views(placing, Tiling(tile=SIDE), augmented=True).of(64, 64)
    view = next(view for view in views if view.mirrored)
    image = IMAGE[:64, :64]
    assert (painted(view, image) == image[:, ::-1]).all()
    assert view.to_image(np.float32([[4, 6, 14, 26]])).tolist() == [[50, 6, 60, 26]]


def test_smaller_scales_are_larger_tiles():
    views = Views(placing, Tiling(tile=SIDE), augmented=True).of(64, 100)
    windows = [view.window for view in views if not view.mirrored]
    assert windows == [Window(0, 0, 64, 64), Window(36, 0, 100, 64), Window(0, 0, 80, 64), Window(20, 0, 100, 64)]
    assert [view.placement.scale_x for view in views[:4]] == [1, 1, 0.8, 0.8]


TRAINED = Tiling(tile=512, tile_overlap=0.3)


@pytest.mark.parametrize(
    ("trained", "tile", "overlap", "expected"),
    [
        (None, None, None, None),
        (None, 640, None, Tiling(tile=640, tile_overlap=0.2)),
        (None, 0, None, None),
        (TRAINED, None, None, TRAINED),
        (TRAINED, None, 0.1, Tiling(tile=512, tile_overlap=0.1)),
        (TRAINED, 320, None, Tiling(tile=320, tile_overlap=0.3)),
        (TRAINED, 0, None, None),
    ],
)
def test_tiles_are_those_of_the_user_or_those_of_the_training(trained, tile, overlap, expected):
    assert ViewOptions(tile, overlap).tiling(trained) == expected


@pytest.mark.parametrize(("trained", "tile"), [(None, None), (TRAINED, 0)])
def test_an_overlap_needs_tiles(trained, tile):
    with pytest.raises(BadInput, match=r"tile_overlap is that of tiles: give tile too"):
        ViewOptions(tile, 0.3).tiling(trained)


@pytest.mark.parametrize("options", [{"tile": 31}, {"tile": -640}, {"tile": 640, "tile_overlap": 1.0}])
def test_tiles_that_cannot_be_used_are_refused_before_a_model_is_loaded(options):
    with pytest.raises(BadInput, match=r"--tile(-overlap)?: expected a number"):
        grouped(options, ViewOptions, spelled=as_option)


def test_the_most_objects_of_an_image_are_counted_over_all_tiles(red_finder, image_with_red_box):
    """The model finds one object at most in each tile, so three of an image are not too many to ask for."""
    image = image_with_red_box((10, 10, 20, 20), 640, 64)
    image[10:20, [300, 301, 500, 501]] = (255, 0, 0)
    assert len(red_finder(image, tile=64)) == 3
    assert len(red_finder(image, tile=64, max_detections=2)) == 2
    assert len(red_finder(image, tile=64, max_detections=3)) == 3


def test_a_model_sees_by_tiles_what_is_lost_in_the_whole_image(red_finder, image_with_red_box):
    """Of 640 x 480 pixels on 64, a box of 8 pixels becomes less than one; a box of 200 pixels is cut by many tiles."""
    small, large = image_with_red_box((300, 200, 308, 206), 640, 480), image_with_red_box((100, 90, 300, 250), 640, 480)
    assert len(red_finder(small)) == 0
    for image, box in ((small, [300, 200, 308, 206]), (large, [100, 90, 300, 250])):
        result = red_finder(image, tile=64)
        assert result.boxes.tolist() == [box]
        assert result.scores.tolist() == [0.875]
        assert red_finder.predict(image, tile=64, tile_overlap=0.5)[0].boxes.tolist() == [box]


def test_a_model_sees_by_the_tiles_that_it_was_trained_on(red_finder, image_with_red_box):
    card = red_finder.card.model_copy(update={"tiling": Tiling(tile=64)})
    model, image = Model(red_finder.backend, card), image_with_red_box((300, 200, 308, 206), 640, 480)
    assert len(model(image)) == 1
    assert len(model(image, tile=0)) == 0


def test_augmentation_finds_the_same_box(red_finder, image_with_red_box):
    (box,) = red_finder(image_with_red_box((20, 10, 40, 30), 64, 64), tta=True).boxes
    assert box == pytest.approx([20, 10, 40, 30], abs=1.5)  # of the scales, some begin within a pixel


def test_of_a_large_tiff_only_parts_are_read(red_finder, image_with_red_box, tmp_path, monkeypatch):
    """It is shown at half its size or less, and its crops are those of the whole image."""
    box = [300, 200, 340, 230]
    path, image = tmp_path / "large.tif", image_with_red_box(tuple(box), 640, 480)
    tifffile.imwrite(path, image, photometric="rgb", tile=(64, 64), compression="zlib")
    whole = red_finder(path, tile=64)
    for module in ("detect.data.pixels.tiff_parts", "detect.inference.sources.frames"):
        monkeypatch.setattr(f"{module}.LARGE", 100_000)
    monkeypatch.setattr("detect.data.pixels.pillow_files.MOST_PIXELS", 100_000)
    result = red_finder(path, tile=64)
    assert result.boxes.tolist() == whole.boxes.tolist() == [box]
    assert (result.width, result.height) == (640, 480)
    np.testing.assert_array_equal(result.crops()[0], image[200:230, 300:340])
    assert result.plot().shape == (240, 320, 3)  # 307,200 pixels become 76,800
    with pytest.raises(BadInput, match=r"640 x 480 pixels, and at most 0\.1 million are read"):
        red_finder(path)


def test_the_copy_of_a_large_tiff_is_smaller_and_a_note_says_so(red_finder, image_with_red_box, tmp_path, monkeypatch):
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, image_with_red_box((300, 200, 340, 230), 640, 480), photometric="rgb", rowsperstrip=16)
    for module in ("detect.data.pixels.tiff_parts", "detect.inference.sources.frames"):
        monkeypatch.setattr(f"{module}.LARGE", 20_000)
    done = predict_to_folder(red_finder, path, tmp_path / "out", tile=64, save_crops=True)
    assert done.detections == 1
    assert done.notes == (f"{path}: the annotated copy has 1/4 of the width and height of the image.",)
    assert read_image(tmp_path / "out" / "large.png").shape == (120, 160, 3)


def test_an_object_is_shown_if_its_mean_score_is_above_the_threshold(red_finder):
    """In each view, half the threshold is enough, for all classes that of the lowest one."""
    whole, tiles = Views(placing), Views(placing, Tiling(tile=64))
    assert red_finder.thresholds(0.3, whole) == (0.3, None)
    of_view, least = red_finder.thresholds(0.5, tiles)
    assert (of_view, least.tolist()) == (0.25, [0.5, 0.5])
    card = red_finder.card.model_copy(update={"confidences": {"red": 0.5}})
    of_view, least = Model(red_finder.backend, card).thresholds(None, tiles)
    assert (of_view, least.tolist()) == (0.125, [0.5, 0.25])
