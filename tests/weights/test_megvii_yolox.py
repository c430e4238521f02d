"""The importer of YOLOX: its rows. For the network with the authors' weights see tests/models/test_yolox.py."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from recorded_files import SIZES, assert_same_detections
from torch_writing import archive

from detect import models
from detect.data.pixels.resizing import Fit
from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
from detect.inference.predictor import Model
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
    """It is a `.pth` file with the weights in `model` and the optimizer beside it."""
    content = {"start_epoch": 300, "model": published.state, "optimizer": {"state": {}}}
    (tmp_path / "yolox_micro.pth").write_bytes(archive(content))
    read = megvii_yolox.CHECKPOINTS[0].read
    tensors = read(tmp_path / "yolox_micro.pth")
    assert tensors.keys() == published.state.keys()
    for name, value in published.state.items():
        np.testing.assert_array_equal(tensors[name], value, err_msg=name)
    assert importing.find("yolox-nano-coco").read is read


def test_targets_are_in_the_order_in_which_the_authors_code_runs():
    """As the convolutions of their ONNX files are; `CSPLayer.forward` and `YOLOXHead.forward` say so."""
    detector = models.create("yolox-micro", 2, width=0.0625, depth=0.33)
    kernels = [target.name for target in megvii_yolox.targets(detector) if len(target.variable.shape) == 4]
    names = [name.removesuffix(".weight").removesuffix(".conv") for name in kernels]
    start = names.index("backbone.backbone.dark2.1.conv1")
    stage = ("conv1", "conv2", "m.0.conv1", "m.0.conv2", "conv3")
    assert names[start : start + 5] == [f"backbone.backbone.dark2.1.{part}" for part in stage]
    classes = ("stems.2", "cls_convs.2.0", "cls_convs.2.1", "cls_preds.2")
    boxes = ("reg_convs.2.0", "reg_convs.2.1", "reg_preds.2", "obj_preds.2")
    assert names[-8:] == [f"head.{part}" for part in (*classes, *boxes)]


def spread(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Change weights so that scores differ, at most one of two classes scores above a half, and boxes overlap."""
    state = dict(state)
    for name, value in state.items():
        if ".cls_preds." in name:
            state[name] = 2 * np.stack([value[0], -value[0]])
        elif ".obj_preds." in name:
            state[name] = 2 * value
        elif ".reg_preds." in name and name.endswith("bias"):
            state[name] = value + np.float32([0, 0, 1.8, 1.8])
    return state


def test_the_same_file_has_the_same_boxes(recorded_state, tmp_path):
    """Both complete pipelines agree; theirs ran at commit 6ddff48 with torch 2.13.0 and OpenCV 5.0.0.

    They read the JPEG file with `cv2.imread`; apply `ValTransform` at 128 pixels; run
    `YOLOX(YOLOPAFPN(0.67, 0.0625), YOLOXHead(2, 0.0625))` with the weights of `spread(recorded_state(shapes))`, then
    `postprocess` with a confidence of 0.5 and an IoU of 0.65 (with `nms` in plain PyTorch); and divide boxes by the
    ratio. Recorded are the sixty best boxes of each image.
    """
    recorded = np.load(Path(__file__).with_name("megvii_yolox_files.npz"))
    np.savez(tmp_path / "theirs.npz", **spread(recorded_state(json.loads(str(recorded["shapes"])))))
    checkpoint = dataclasses.replace(
        importing.find("yolox-nano-coco"),
        model="yolox-micro",
        config={"width": 0.0625, "depth": 0.67},
        image_size=128,
        classes=("one", "other"),
        category_ids=(1, 2),
        read=lambda path: dict(np.load(path)),
    )
    detector, card = importing.read(checkpoint, tmp_path / "theirs.npz")
    model = Model(TensorFlowBackEnd(detector), card)
    for size in SIZES:
        path = tmp_path / f"{size}.jpg"
        path.write_bytes(recorded[size].tobytes())
        assert_same_detections(model, path, recorded[f"{size}_found"])
