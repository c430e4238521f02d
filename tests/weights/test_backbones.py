"""torchvision's ImageNet weights in our backbones: the same features, every tensor assigned, clear errors."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch_writing

from detect.errors import BadInput, RunFailure
from detect.layers.hgnet import HGNetV2
from detect.layers.mobilenet import MobileNetV3Large
from detect.layers.resnet import ResNet
from detect.layers.resnet_vd import ResNetVD
from detect.layers.vgg import VGG16
from detect.models.retinanet import Config, RetinaNet
from detect.weights import backbones


@pytest.fixture(scope="module")
def recorded():
    return np.load(Path(__file__).with_name("torchvision_resnet.npz"))


@pytest.fixture(scope="module")
def state(recorded, recorded_state) -> dict[str, np.ndarray]:
    return recorded_state(json.loads(str(recorded["resnet18/shapes"])))


@pytest.fixture(scope="module")
def backbone() -> ResNet:
    """One backbone for all tests, which leave its weights finite."""
    backbone = ResNet(18)
    backbone(np.zeros([1, 32, 32, 3], np.uint8))
    return backbone


def test_every_tensor_of_an_hgnet_has_its_weight():
    """Of D-FINE's authors; tests/weights/test_ustc_dfine.py compares the features."""
    backbone = HGNetV2("b0")
    backbone(np.zeros([1, 32, 32, 3], np.uint8))
    found = list(backbones.hgnet_targets(backbone))
    assert {target.variable.path for target in found} == {weight.path for weight in backbone.weights}
    assert found[0].name == "stem.stem1.conv.weight"
    assert backbones.backbone_weights(backbone) == "hgnetv2_b0"
    assert backbones.licence_of("hgnetv2_b0") == "Apache-2.0; trained on ImageNet"


@pytest.mark.parametrize("size", ["atto", "femto", "pico"])
def test_small_hgnets_start_with_the_weights_of_a_larger_one(size):
    """Every tensor of B0 is 2. Three depthwise kernels and the last two convolutions of Atto have other shapes."""
    published, backbone = HGNetV2("b0"), HGNetV2(size, 1)
    for each in (published, backbone):
        each(np.zeros([1, 32, 32, 3], np.uint8))
    tensors = {
        target.name: np.full(unconverted(target), 2, np.float32) for target in backbones.hgnet_targets(published)
    }
    backbones.assign(backbone, tensors, "B0")
    others = {weight.path.partition("/stage3/")[2] for weight in backbone.weights if np.any(weight != 2)}
    assert backbones.backbone_weights(backbone) == "hgnetv2_b0"
    if size != "atto":
        assert not others
        return
    kernels = {f"block0/layer{layer}/depthwise/convolution/kernel" for layer in range(3)}
    parts = ("kernel", *(f"normalization/{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")))
    ends = {f"block0/{name}/convolution/{part}" for name in ("squeeze", "excite") for part in parts}
    assert others == kernels | ends


def unconverted(target) -> tuple[int, ...]:
    """Return the shape of a tensor in a file of PyTorch."""
    shape = tuple(target.variable.shape)
    if len(shape) < 4:
        return shape
    order = (2, 3, 0, 1) if target.convert is backbones.depthwise_kernel else (3, 2, 0, 1)
    return tuple(shape[axis] for axis in order)


@pytest.mark.parametrize("depth", [18, 50])
def test_every_tensor_of_a_resnet_vd_has_its_weight(depth):
    """Of RT-DETR's authors; tests/weights/test_lyuwenyu_rtdetrv2.py compares what is made of the features."""
    backbone = ResNetVD(depth)
    backbone(np.zeros([1, 32, 32, 3], np.uint8))
    found = list(backbones.resnet_vd_targets(backbone))
    assert {target.variable.path for target in found} == {weight.path for weight in backbone.weights}
    assert found[0].name == "conv1.conv1_1.conv.weight"
    assert backbones.backbone_weights(backbone) == f"resnet{depth}_vd"
    assert backbones.licence_of(f"resnet{depth}_vd") == "Apache-2.0; trained on ImageNet"


@pytest.mark.parametrize("depth", [18, 50])
def test_features_are_torchvisions(recorded, recorded_state, depth):
    """Recorded: `resnet18()` and `resnet50()` of torchvision 0.28.0 in evaluation, with the weights of
    `recorded_state`, on one normalised image of 64 x 96 pixels: names and shapes of their tensors, sorted by name, and
    every sixteenth channel after each of the four stages.
    """
    backbone = ResNet(depth)
    image = np.random.RandomState(1).randint(0, 256, (1, 64, 96, 3)).astype(np.uint8)
    backbone(image)
    backbones.assign(backbone, recorded_state(json.loads(str(recorded[f"resnet{depth}/shapes"]))), "recorded")
    for number, features in enumerate(backbone(image), start=1):
        expected = recorded[f"resnet{depth}/stage{number}"]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(features[..., ::16] / scale, expected / scale, atol=1e-5)


def test_features_of_mobilenet_are_torchvisions(recorded_state):
    """Recorded: `mobilenet_v3_large(width_mult=0.25)` of torchvision 0.28.0 in evaluation, with the weights of
    `recorded_state`, on one normalised image of 66 x 100 pixels: names and shapes of its tensors, sorted by name, and
    its features 13 after the expansion, 13 and 16.
    """
    recorded = np.load(Path(__file__).with_name("torchvision_mobilenet.npz"))
    backbone = MobileNetV3Large(width=0.25)
    image = np.random.RandomState(1).randint(0, 256, (1, 66, 100, 3)).astype(np.uint8)
    backbone(image)
    backbones.assign(backbone, recorded_state(json.loads(str(recorded["shapes"]))), "recorded")
    for name, features in backbone(image)._asdict().items():
        scale = np.abs(recorded[name]).max()
        np.testing.assert_allclose(features / scale, recorded[name] / scale, atol=1e-5, err_msg=name)


def test_vgg_is_numbered_as_torchvisions():
    """Convolutions, ReLUs and maxima count: table 1 of the paper, column D."""
    backbone = VGG16(width=0.125)
    backbone(np.zeros([1, 16, 16, 3], np.uint8))
    targets = list(backbones.vgg_targets(backbone))
    numbers = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    assert [target.name for target in targets] == [
        f"features.{n}.{kind}" for n in numbers for kind in ("weight", "bias")
    ]
    assert {target.variable.path for target in targets} == {weight.path for weight in backbone.weights}


def test_every_weight_is_assigned(backbone, state):
    for weight in backbone.weights:
        weight.assign(np.full(weight.shape, np.nan, np.float32))
    backbones.assign(backbone, state, "a file")
    assert all(np.all(np.isfinite(weight.numpy())) for weight in backbone.weights)


def test_the_classifier_is_left_out(backbone, state):
    more = {"fc.weight": np.zeros([1000, 512]), "fc.bias": np.zeros(1000), "bn1.num_batches_tracked": np.array(7)}
    backbones.assign(backbone, {**state, **more}, "a file")


def test_tensors_that_do_not_fit_are_named_and_nothing_is_assigned(backbone, state):
    before = backbone.stem.convolution.kernel.numpy()
    wrong = {**state, "layer1.0.bn1.bias": np.zeros(63), "layer5.weight": np.zeros(1)}
    del wrong["layer4.0.downsample.0.weight"]
    with pytest.raises(BadInput) as caught:
        backbones.assign(backbone, wrong, "weights.pth")
    for part in (
        "weights.pth",
        "resnet18",
        "layer4.0.downsample.0.weight is missing",
        "layer5.weight is not part of it",
        "layer1.0.bn1.bias becomes [63]",
    ):
        assert part in str(caught.value)
    np.testing.assert_array_equal(backbone.stem.convolution.kernel.numpy(), before)


def test_long_lists_of_problems_are_cut(backbone):
    with pytest.raises(BadInput, match="and 80 more"):  # 20 convolutions of 5 tensors, 20 of them shown
        backbones.assign(backbone, {}, "empty.pth")


def test_names_fit_the_depth():
    for depth in (18, 34, 50, 101):
        name = backbones.backbone_weights(ResNet(depth))
        assert name == f"resnet{depth}"
        assert f"{name}-" in backbones.PUBLISHED[name]


@pytest.mark.parametrize(
    ("backbone", "name"),
    [
        (VGG16(), "vgg16"),
        (VGG16(width=0.5), None),
        (MobileNetV3Large(), "mobilenet_v3_large"),
        (MobileNetV3Large(reduced_tail=True), None),
        (MobileNetV3Large(width=0.75), None),
    ],
)
def test_names_fit_the_width(backbone, name):
    assert backbones.backbone_weights(backbone) == name
    assert name is None or name.partition("_")[0] in backbones.PUBLISHED[name]


def test_the_backbone_of_a_detector_is_found():
    assert backbones.backbone_weights(RetinaNet(Config(depth=18), classes=2)) == "resnet18"


def test_other_backbones_have_none():
    assert backbones.backbone_weights(object()) is None
    with pytest.raises(BadInput, match="ResNet"):
        backbones.load_backbone(object(), "resnet18")


def test_an_unknown_name_gets_the_nearest_one(backbone):
    with pytest.raises(BadInput, match="resnet18"):
        backbones.load_backbone(backbone, "resnet-18")


def test_offline_the_way_on_is_named(backbone, tmp_path, monkeypatch):
    monkeypatch.setenv("DETECT_CACHE", str(tmp_path))
    monkeypatch.setitem(backbones.PUBLISHED, "resnet18", "http://127.0.0.1:9/resnet18-f37072fd.pth")
    with pytest.raises(RunFailure) as caught:
        backbones.load_backbone(backbone, "resnet18")
    assert str(tmp_path / "resnet18-f37072fd.pth") in str(caught.value)
    assert "--weights none" in str(caught.value)


@pytest.mark.parametrize("write", [torch_writing.archive, torch_writing.older])
def test_a_file_of_pytorch_is_read(backbone, state, tmp_path, write):
    (tmp_path / "weights.pth").write_bytes(write(state))
    backbones.load_backbone(backbone, tmp_path / "weights.pth")
    expected = state["conv1.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(backbone.stem.convolution.kernel.numpy(), expected)


def test_a_file_of_something_else_is_refused(backbone, tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"something else")
    with pytest.raises(BadInput, match=r"weights\.pth"):
        backbones.load_backbone(backbone, tmp_path / "weights.pth")
