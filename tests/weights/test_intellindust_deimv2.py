"""DEIMv2's checkpoints: the outputs of the authors' code, and the names in files of both programs that write them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch_writing
from deimv2_cases import CASES, CLASSES, SIZES, noise
from drawn_weights import drawn_weights

from detect import models
from detect.models.deimv2 import DEIMv2
from detect.weights.intellindust_deimv2 import CHECKPOINTS, read, targets
from detect.weights.tensors import fill

CLOSEST = 1e-5  # largest difference, as a share of the largest number
LAYER = "decoder.decoder.layers.0"


@pytest.fixture(scope="module")
def recorded():
    return np.load(Path(__file__).with_name("intellindust_deimv2.npz"))


@pytest.fixture(scope="module", params=CASES)
def row(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def state(recorded, row) -> dict[str, np.ndarray]:
    return drawn_weights(json.loads(str(recorded[f"{row}/shapes"])))


def tensors_of(state: dict, file: Path, **entries) -> dict[str, np.ndarray]:
    """Write a file of PyTorch with these tensors and `entries` beside them, and read it."""
    file.write_bytes(torch_writing.archive({"model": {**state, **entries}}))
    return read(file)


@pytest.fixture(scope="module")
def detector(row, state, tmp_path_factory) -> DEIMv2:
    detector = models.create(row, CLASSES, **CASES[row])
    fill(targets(detector), tensors_of(state, tmp_path_factory.mktemp("authors") / "x.pth"), "recorded", row)
    return detector


def test_every_layer_says_what_theirs_does(recorded, row, detector):
    """The authors' code (commit 0fff8d4) with random weights, on noise."""
    for height, width in SIZES[row]:
        outputs = detector(noise(height, width))
        chosen, decoded = outputs["chosen"], outputs["decoded"]
        ours = {
            "chosen_logits": chosen.class_logits,
            "chosen_boxes": chosen.boxes,
            "logits": np.stack(decoded.class_logits, axis=1),
            "boxes": np.stack(decoded.boxes, axis=1),
            "corners": np.stack(decoded.corners, axis=1),
        }
        for name, found in ours.items():
            theirs = recorded[f"{row}/{height}x{width}/{name}"]
            scale = np.abs(theirs).max()
            np.testing.assert_allclose(np.asarray(found) / scale, theirs / scale, rtol=0, atol=CLOSEST, err_msg=name)


def test_every_weight_has_one_tensor_of_its_own(detector):
    found = list(targets(detector))
    assert sorted(target.variable.path for target in found) == sorted(weight.path for weight in detector.weights)
    assert len({target.name for target in found}) == len(found)


# Names in the authors' code, and those of the same tensors in `transformers`.
OF_BOTH = {
    "backbone.stem.stem1.conv.weight": "model.conv_encoder.model.embedder.stem1.convolution.weight",
    "backbone.stages.2.blocks.0.layers.1.conv2.lab.scale": (
        "model.conv_encoder.model.encoder.stages.2.blocks.0.layers.1.conv2.lab.scale"
    ),
    "encoder.input_proj.0.norm.bias": "model.encoder.input_proj.0.norm.bias",
    "encoder.input_proj.1.conv.weight": "model.conv_encoder.encoder_input_proj.1.conv.weight",
    "encoder.down_sample1.1.weight": "model.encoder.down_conv1.conv.weight",
    "encoder.down_sample2.2.running_var": "model.encoder.down_conv2.norm.running_var",
    "encoder.bi_fusion.cv.norm.weight": "model.encoder.bi_fusion_conv.norm.weight",
    "encoder.fpn_block.cv1.conv.weight": "model.encoder.fpn_block.conv1.conv.weight",
    "encoder.fpn_block.cv2.0.conv1.norm.bias": "model.encoder.fpn_block.csp_rep1.conv1.norm.bias",
    "encoder.fpn_block.cv2.0.bottlenecks.1.conv2.norm.bias": (
        "model.encoder.fpn_block.csp_rep1.bottlenecks.1.conv2.norm.bias"
    ),
    "encoder.fpn_blocks.0.cv2.1.norm.bias": "model.encoder.fpn_blocks.0.csp_rep1.conv2.norm.bias",
    "encoder.pan_blocks.0.cv3.1.norm.bias": "model.encoder.pan_blocks.0.csp_rep2.conv2.norm.bias",
    "encoder.pan_blocks.0.cv4.norm.bias": "model.encoder.pan_blocks.0.conv2.norm.bias",
    "encoder.downsample_convs.0.0.cv2.norm.bias": "model.encoder.downsample_convs.0.conv2.norm.bias",
    "decoder.decoder.layers.0.norm2.scale": "model.decoder.layers.0.encoder_attn_layer_norm.weight",
    "decoder.decoder.layers.0.gateway.norm.scale": "model.decoder.layers.0.gateway.norm.weight",
    "decoder.decoder.layers.0.swish_ffn.w3.bias": "model.decoder.layers.0.mlp.down_proj.bias",
    "decoder.dec_bbox_head.0.layers.0.bias": "bbox_embed.0.layers.0.bias",
    "decoder.dec_score_head.1.bias": "model.decoder.class_embed.1.bias",
    "decoder.enc_bbox_head.layers.2.bias": "model.enc_bbox_head.layers.2.bias",
}


def test_the_names_of_both_programs_are_read(tmp_path):
    tensors = [np.full([4], number, np.float32) for number in range(len(OF_BOTH))]
    theirs = tensors_of(dict(zip(OF_BOTH, tensors, strict=True)), tmp_path / "authors.pth")
    other = tensors_of(dict(zip(OF_BOTH.values(), tensors, strict=True)), tmp_path / "transformers.pth")
    assert list(theirs) == list(other)
    assert [list(values) for values in theirs.values()] == [list(values) for values in other.values()]


def test_gates_may_have_a_tensor_of_their_own(tmp_path):
    joined = tensors_of({"backbone.x": np.zeros(1), f"{LAYER}.swish_ffn.w12.bias": np.arange(4)}, tmp_path / "a.pth")
    parts = {"gate_proj": np.arange(2), "up_proj": np.arange(2, 4)}
    apart = {f"model.decoder.layers.0.mlp.{name}.bias": values for name, values in parts.items()}
    name = "model.decoder.layers.0.mlp.layers.0.bias"
    assert list(joined[name]) == list(tensors_of(apart, tmp_path / "b.pth")[name]) == [0, 1, 2, 3]


def test_halves_of_a_convolution_go_to_two_layers(tmp_path):
    """What goes around the blocks comes first in the file."""
    name = "model.encoder.fpn_block.csp_rep1"
    found = tensors_of({f"{name}.conv1.norm.bias": np.arange(4)}, tmp_path / "x.pth")
    assert {name: list(values) for name, values in found.items()} == {
        f"{name}.conv1.norm.bias": [2, 3],
        f"{name}.conv2.norm.bias": [0, 1],
    }


def test_a_projection_that_changes_nothing_is_left_out(tmp_path):
    """Only `transformers` has it. Where it was learnt, its tensors stay, so that the file is refused."""
    identity = {"0.weight": np.eye(2), "0.bias": np.zeros(2), "1.weight": np.ones(2), "1.bias": np.zeros(2)}
    state = {f"model.enc_output.{name}": np.float32(values) for name, values in identity.items()}
    assert not tensors_of(state, tmp_path / "converted.pth")
    learnt = {**state, "model.enc_output.1.bias": np.float32([0, 1])}
    assert tensors_of(learnt, tmp_path / "learnt.pth").keys() == learnt.keys()


def test_boxes_that_layers_share_are_read_once(recorded, tmp_path):
    """Files of PyTorch have them for each layer."""
    state = drawn_weights(json.loads(str(recorded["deimv2-atto/shapes"])))
    copies = {name.replace("head.0.", "head.1."): values for name, values in state.items() if "bbox_head.0." in name}
    file = tmp_path / "x.pth"
    assert len(copies) == 6
    assert tensors_of(state, file, **copies).keys() == tensors_of(state, file).keys()
    other = {name: values + 1 for name, values in copies.items()}
    assert len(tensors_of(state, file, **other)) == len(tensors_of(state, file)) + 6


def test_every_published_size_has_a_row():
    assert [row.name for row in CHECKPOINTS] == [f"deimv2-{row}-coco" for row in ("atto", "femto", "pico", "n")]
    assert CHECKPOINTS[0].address.startswith("https://huggingface.co/Intellindust/DEIMv2_HGNetv2_ATTO_COCO/resolve/")
    assert all(row.fit.kind == "stretch" for row in CHECKPOINTS)
