import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from records_of import records_of

from detect.data import survey as module
from detect.data.pixels.stored_forms import FORMS
from detect.data.records import Record, Records
from detect.data.survey import survey


@pytest.fixture
def photo() -> Image.Image:
    """Return a picture of 200 x 100 pixels."""
    random = np.random.default_rng(0)
    return Image.fromarray(random.integers(0, 256, (4, 8, 3), dtype=np.uint8)).resize(
        (200, 100), Image.Resampling.BICUBIC
    )


@pytest.fixture
def looked(monkeypatch) -> list[int]:
    """Return a list that grows by the row of each image that is decoded."""
    rows: list[int] = []
    look_at = module._look_at
    monkeypatch.setattr(module, "_look_at", lambda records, row: rows.append(row) or look_at(records, row))
    return rows


def records(*paths: Path) -> Records:
    none = np.zeros((0, 4))
    return records_of(Record(path, 1, 200, 100, none, none[:, 0], none[:, 0], none[:, 0]) for path in paths)


def test_what_is_seen(tmp_path, photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(tmp_path / "0.png")
    photo.convert("L").save(tmp_path / "1.jpg", exif=exif)
    (tmp_path / "2.png").write_bytes((tmp_path / "0.png").read_bytes())
    (tmp_path / "3.png").write_bytes((tmp_path / "0.png").read_bytes()[:200])
    done = []
    found = survey(records(*sorted(tmp_path.iterdir()), tmp_path / "missing.png"), lambda: done.append(1))
    assert found.readable.tolist() == [True, True, True, False, False]
    assert [FORMS[form] for form in found.forms[:3]] == ["colour", "grey", "colour"]
    assert found.turned.tolist() == [False, True, False, False, False]
    assert (found.digests[0] == found.digests[2]).all()
    assert (found.digests[0] != found.digests[1]).any()
    assert found.fingerprints[0].any()
    assert not found.fingerprints[3].any()
    assert len(done) == 5


def test_an_image_is_decoded_once(tmp_path, photo, looked):
    for number in range(3):
        photo.rotate(10 * number).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"damaged")
    all_of_them = records(*sorted(tmp_path.iterdir()))
    first = survey(all_of_them)
    assert sorted(looked) == [0, 1, 2]
    looked.clear()
    again = survey(all_of_them)
    assert looked == [2]  # what cannot be read may be when a package has been installed
    assert (first.fingerprints == again.fingerprints).all()
    looked.clear()
    photo.rotate(90).save(tmp_path / "1.png")
    os.utime(tmp_path / "1.png", (1, 1))
    assert survey(all_of_them).readable.tolist() == [True, True, False]
    assert sorted(looked) == [1, 2]


def test_a_cache_that_cannot_be_used_is_left_alone(tmp_path, photo, monkeypatch):
    monkeypatch.setenv("DETECT_CACHE", str(tmp_path / "file"))
    photo.save(tmp_path / "0.png")
    (tmp_path / "file").write_text("not a folder")
    assert survey(records(tmp_path / "0.png")).readable.all()
