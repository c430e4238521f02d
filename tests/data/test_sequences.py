"""Frames of videos and versions of images, by their names."""

import numpy as np
import pytest

from detect.data.sequences import (
    FRAMES_DIFFER,
    first_with_same,
    frame_number,
    neighbouring_frames,
    origin,
    sequence,
    versions,
)


@pytest.mark.parametrize(
    ("name", "first", "video", "number"),
    [
        ("cam/a_0012.jpg", "a_0012", "cam/a_#", 12),
        ("images/train/a-7.png", "a-7", "/a-#", 7),
        ("a2b_3c.jpg", "a2b_3c", "/a2b_#c", 3),
        ("photo.jpg", "photo", "/photo", 0),
        ("a_12_jpg.rf.0a1b2c3d.jpg", "a_12", "/a_#", 12),
    ],
)
def test_names_say_video_and_number(name, first, video, number):
    assert (origin(name), sequence(name), frame_number(name)) == (first, video, number)


def test_versions_of_one_image_are_found():
    names = ["a_jpg.rf.0011.jpg", "b_jpg.rf.0022.jpg", "a_jpg.rf.0033.jpg", "a.jpg", "a.png"]
    assert versions(names).tolist() == [0, 1, 0, 3, 4]


def test_first_with_same_leaves_out_what_has_no_key():
    assert first_with_same(["a", "b", "a1", "b"], lambda name: name if len(name) == 1 else None).tolist() == [
        0,
        1,
        2,
        1,
    ]


def prints_of(*bits: int) -> np.ndarray:
    """Return fingerprints of which the first bits are set."""
    return np.packbits([[position < count for position in range(128)] for count in bits], axis=1)


def test_frames_that_look_like_the_one_before_are_a_scene():
    """The frames 1, 2 and 3 change little by little, 10 is another scene; w is another video, and b.jpg is none."""
    names = ["v_3.jpg", "v_1.jpg", "v_2.jpg", "v_10.jpg", "w_4.jpg", "b.jpg", "w_5.jpg"]
    step = FRAMES_DIFFER - 1
    scenes = neighbouring_frames(names, prints_of(1 + 2 * step, 1, 1 + step, 1, 1, 1, 1))
    assert [sorted(np.flatnonzero(scenes == scene).tolist()) for scene in dict.fromkeys(scenes.tolist())] == [
        [0, 1, 2],
        [3],
        [4, 6],
        [5],
    ]


def test_images_without_contrast_belong_to_no_scene():
    assert neighbouring_frames(["v_1.jpg", "v_2.jpg"], np.zeros((2, 16), np.uint8)).tolist() == [0, 1]
    assert neighbouring_frames([], np.zeros((0, 16), np.uint8)).tolist() == []
