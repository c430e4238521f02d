"""`Model.track`: results of videos, with identities."""

from fractions import Fraction
from itertools import count

import numpy as np
import pytest

from detect.errors import BadInput
from detect.inference.sources import finding
from detect.inference.sources.frames import Frame, VideoFormat

VIDEO = VideoFormat(Fraction(30), Fraction(1, 10**6))
BOX = (20, 10, 44, 30)
NONE = (0, 0, 0, 0)


@pytest.fixture
def clip(tmp_path, image_with_red_box, write_video):
    """A box that moves to the right for 12 frames, and is not there in two of them."""
    boxes = [NONE if n in (5, 6) else (2 * n, 10, 2 * n + 24, 30) for n in range(12)]
    return write_video(tmp_path / "clip.mp4", [image_with_red_box(box) for box in boxes])


@pytest.mark.parametrize("tracker", ["bytetrack", "ocsort", "botsort"])
def test_ids_of_a_video(red_finder, clip, tracker):
    results = list(red_finder.track(clip, tracker=tracker))
    assert [result.ids.tolist() for result in results] == [[], *[[1]] * 4, [], [], *[[1]] * 5]
    assert [len(result) for result in results] == [len(result.ids) for result in results]
    assert [result.index for result in results] == list(range(12))
    (found,) = results[3]
    assert (found.id, found.name, str(found)[:11]) == (1, "red", "red #1 88% ")
    np.testing.assert_allclose(results[3].boxes[0], (6, 10, 30, 30), atol=1.5)


def test_identities_begin_anew_with_each_video(red_finder, clip):
    results = list(red_finder.track([clip, clip]))
    assert [result.ids.tolist() for result in results[:3]] == [result.ids.tolist() for result in results[12:15]]


def test_frames_are_read_while_results_are_taken(red_finder, clip, monkeypatch):
    read = []
    read_video = finding.read_video
    monkeypatch.setattr(finding, "read_video", lambda *given: (read.append(f) or f for f in read_video(*given)))
    results = red_finder.track(clip, batch_size=1)
    assert read == []
    next(results)
    assert 0 < len(read) < 12
    results.close()


def test_a_camera(red_finder, image_with_red_box, monkeypatch):
    """Its frames have no end: the caller takes as many as it wants. So close in time that none is missed for long."""

    def frames(source, *_):
        for index in count():
            yield Frame(source, image_with_red_box(BOX), 96, 64, index, Fraction(index, 10**6), VIDEO)

    monkeypatch.setattr(finding, "read_live", frames)
    results = red_finder.track("0")
    assert [len(next(results)) for _ in range(4)] == [0, 1, 1, 1]
    results.close()


def test_confidence_decides_what_begins_an_identity(red_finder, clip):
    """The scores of the detector are 0.875."""
    assert any(len(result) for result in red_finder.track(clip, confidence=0.87))
    assert not any(len(result) for result in red_finder.track(clip, confidence=0.88))


def test_images_are_the_frames_of_one_video(red_finder, image_with_red_box):
    images = [image_with_red_box((2 * n, 10, 2 * n + 24, 30)) for n in range(4)]
    assert [result.ids.tolist() for result in red_finder.track(images)] == [[], [1], [1], [1]]
    endless = (image_with_red_box(BOX) for _ in count())
    results = red_finder.track(endless)
    assert [next(results).ids.tolist() for _ in range(3)] == [[], [1], [1]]
    results.close()


def test_mistakes_are_found_before_anything_is_read(red_finder, clip):
    with pytest.raises(BadInput, match="no tracker 'sort'"):
        red_finder.track(clip, tracker="sort")
    with pytest.raises(BadInput, match="confidence: expected a number from 0 to 1"):
        red_finder.track(clip, confidence=30)


def test_ids_stay_with_their_objects(red_finder, clip):
    pytest.importorskip("supervision")
    result = list(red_finder.track(clip))[2]
    assert result[:0].ids.tolist() == []
    assert result[result.scores > 0.5].ids.tolist() == [1]
    assert result.to_supervision().tracker_id.tolist() == [1]
    assert repr(result).endswith("96 x 64: red #1 88%>")


def test_tables_have_identities(red_finder, clip):
    pytest.importorskip("pandas")
    results = list(red_finder.track(clip))
    assert results[2].to_dataframe()["id"].tolist() == [1]
    assert "id" not in next(red_finder.predict(clip)).to_dataframe()
