from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.data.pixels.colour import ColourShift
from detect.data.pixels.warping import blank
from detect.data.samples.augmentation import Augmentation
from detect.data.samples.mixing import mix_up, mosaic
from detect.structures import Example

SHAPES = [(96, 128), (128, 96), (64, 64), (50, 150)]


def rectangle(channel: int, height: int, width: int) -> Example:
    """Return a bright rectangle in one channel, of that class, in the middle of a black image; no rectangle for 3."""
    image = np.zeros((height, width, 3), np.uint8)
    box = np.array([[width // 4, height // 4, width * 3 // 4, height * 3 // 4]], np.float32)
    if channel == 3:
        return Example(image, box[:0], np.zeros(0, np.int32), np.zeros(0, bool))
    left, top, right, bottom = box[0].astype(int)
    image[top:bottom, left:right, channel] = 255
    return Example(image, box, np.array([channel], np.int32), np.array([channel == 1]))


def check(sample: Example, channel: int, threshold: int, turned: bool = False) -> None:
    """Check that the box of a channel encloses its bright pixels, closely unless the border cuts a turned rectangle."""
    side = sample.image.shape[0]
    ys, xs = np.nonzero(sample.image[..., channel] > threshold)
    found = sample.boxes[sample.labels == channel]
    if len(found):
        seen = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        cut = found[0].min() == 0 or found[0].max() == side
        assert (cut and turned) or (np.abs(found[0] - seen) < 1.7).all()
        assert (found[0][:2] <= seen[:2] + 1.7).all()
        assert (found[0][2:] >= seen[2:] - 1.7).all()
        assert sample.ignore[sample.labels == channel][0] == (channel == 1)
    elif len(xs):
        assert min(np.ptp(xs) + 1, np.ptp(ys) + 1) < 4 or len(xs) < 0.15 * side**2


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), rotate=st.sampled_from([0.0, 10.0]), scale=st.sampled_from([(0.5, 1.5), (0.1, 2.0)]))
def test_every_rectangle_of_a_mosaic_keeps_its_box(seed, rotate, scale):
    augmentation = Augmentation(rotate_degrees=rotate, shear_degrees=rotate / 5, scale=scale, flip_vertical=0.5)
    order = np.random.default_rng(seed).permutation(4)
    examples = [rectangle(channel, *SHAPES[channel]) for channel in order]
    sample = mosaic(examples, augmentation, np.random.default_rng(seed), blank(112, 112), ColourShift())
    assert sample.image.shape == (112, 112, 3)
    assert sample.boxes.dtype == np.float32
    assert len(sample.boxes) == len(sample.labels) == len(sample.ignore) <= 3
    for channel in range(3):
        check(sample, channel, threshold=150, turned=rotate > 0)


def test_at_half_scale_a_mosaic_shows_all_of_its_images_without_overlap():
    still = Augmentation(scale=(0.5, 0.5), translate=0)
    examples = []
    for level in (10, 20, 30, 40):
        nothing = rectangle(3, 64, 64)
        examples.append(Example(np.full((64, 64, 3), level, np.uint8), nothing.boxes, nothing.labels, nothing.ignore))
    sample = mosaic(examples, still, np.random.default_rng(1), blank(64, 64), ColourShift())
    levels, counts = np.unique(sample.image[..., 0], return_counts=True)
    assert set(levels) <= {10, 20, 30, 40, 114}
    first = np.argwhere(sample.image[..., 0] == 10)
    last = np.argwhere(sample.image[..., 0] == 40)
    assert (first.max(axis=0) < last.min(axis=0)).all()  # the first lies above and to the left of the last
    assert counts[levels == 114] < 64 * 64 * 0.6


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_mix_up_averages_two_images_and_keeps_both_truths(seed):
    augmentation = Augmentation(mixup_scale=(1.0, 1.5))
    first, second = rectangle(0, 64, 64), rectangle(1, 64, 64)
    sample = mix_up(first, second, augmentation, np.random.default_rng(seed), ColourShift())
    assert sample.image.shape == (64, 64, 3)
    np.testing.assert_array_equal(sample.boxes[0], first.boxes[0])
    np.testing.assert_allclose(sample.image[32, 32, 0], 128, atol=1)
    np.testing.assert_array_equal(sample.labels, [0, 1][: len(sample.labels)])
    check(sample, 0, threshold=63)
    check(sample, 1, threshold=63)


def test_in_a_mixed_sample_those_classes_were_looked_for_that_were_in_all_of_its_images():
    def labelled(*looked_for: bool) -> Example:
        return replace(rectangle(0, 64, 64), looked_for=np.array(looked_for))

    rng = np.random.default_rng(0)
    parts = [labelled(True, True, False), labelled(True, True, True), labelled(True, False, True)]
    made = mosaic([*parts, parts[1]], Augmentation(), rng, blank(64, 64), ColourShift())
    np.testing.assert_array_equal(made.looked_for, [True, False, False])
    mixed = mix_up(parts[0], parts[1], Augmentation(), rng, ColourShift())
    np.testing.assert_array_equal(mixed.looked_for, [True, True, False])
    complete = mix_up(rectangle(0, 64, 64), rectangle(1, 64, 64), Augmentation(), rng, ColourShift())
    assert complete.looked_for is None
