"""YOLOX's importer: what its rows say. The network with the authors' weights: tests/models/test_yolox.py."""

import numpy as np
import pytest

from detect import models
from detect.data.resizing import Fit
from detect.weights import importing, megvii_yolox


def test_every_published_size_has_a_row():
    rows = {row.name: row for row in megvii_yolox.CHECKPOINTS}
    assert list(rows) == [f"yolox-{size}-coco" for size in ("nano", "tiny", "s", "m", "l", "x")]
    assert {row.image_size for row in rows.values()} == {416, 640}
    assert all(row.image_size == models.variant(row.model).image_size for row in rows.values())
    assert all(len(row.digest) == 64 for row in rows.values())
    assert rows["yolox-s-coco"].address.endswith("/0.1.1rc0/yolox_s.pth")
    assert rows["yolox-s-coco"].fit == Fit(resampling="linear")


@pytest.mark.parametrize("separable", [False, True])
def test_every_weight_has_one_tensor_of_its_own(separable):
    detector = models.create("yolox-micro", 2, width=0.0625, depth=0.67, separable=separable)
    targets = list(megvii_yolox.targets(detector))
    assert sorted(target.variable.path for target in targets) == sorted(weight.path for weight in detector.weights)
    assert len({target.name for target in targets}) == len(targets)


def test_the_authors_own_file_is_read(published, tmp_path):
    """A `.pth` as they save it: weights in `model`, the optimizer beside it."""
    torch = pytest.importorskip("torch")
    state = {name: torch.from_numpy(np.array(value)) for name, value in published.state.items()}
    torch.save({"start_epoch": 300, "model": state, "optimizer": {"state": {}}}, tmp_path / "yolox_micro.pth")
    read = megvii_yolox.CHECKPOINTS[0].read
    tensors = read(tmp_path / "yolox_micro.pth")
    assert tensors.keys() == published.state.keys()
    for name, value in published.state.items():
        np.testing.assert_array_equal(tensors[name], value, err_msg=name)
    assert importing.find("yolox-nano-coco").read is read
