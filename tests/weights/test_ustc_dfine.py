"""D-FINE's checkpoints: the outputs of `transformers`, and the names in files of all programs that write them."""

import json
from pathlib import Path

import numpy as np
import pytest
from drawn_weights import drawn_weights
from ustc_dfine_cases import CASES, CLASSES, SIZES, noise

from detect import models
from detect.models.dfine import DFINE
from detect.weights.dfine_names import CONSTANTS, renamed
from detect.weights.tensors import STEP_COUNT, fill
from detect.weights.ustc_dfine import CHECKPOINTS, targets

CLOSEST = 1e-5  # largest difference, as a share of the largest number


@pytest.fixture(scope="module")
def recorded():
    return np.load(Path(__file__).with_name("ustc_dfine.npz"))


@pytest.fixture(scope="module", params=CASES)
def row(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def state(recorded, row) -> dict[str, np.ndarray]:
    return drawn_weights(json.loads(str(recorded[f"{row}/shapes"])))


@pytest.fixture(scope="module")
def detector(row, state) -> DFINE:
    detector = models.create(row, CLASSES, **CASES[row])
    fill(targets(detector), renamed(state), "recorded", row, (STEP_COUNT, *CONSTANTS))
    return detector


@pytest.mark.parametrize("size", SIZES)
def test_every_layer_says_what_theirs_does(recorded, row, detector, size):
    """`transformers` 5.24.0 with random weights, on noise."""
    outputs = detector(noise(*size))
    names = ("logits", "boxes", "corners", "chosen_logits", "chosen_boxes")
    theirs = {name: recorded[f"{row}/{size[0]}x{size[1]}/{name}"] for name in names}
    chosen, decoded = outputs["chosen"], outputs["decoded"]
    assert_same(chosen.class_logits, theirs["chosen_logits"])
    assert_same(chosen.boxes, theirs["chosen_boxes"])
    for name, layers in {"logits": decoded.class_logits, "boxes": decoded.boxes, "corners": decoded.corners}.items():
        assert_same(np.stack(layers, axis=1), theirs[name])
    np.testing.assert_array_equal(outputs["class_logits"], decoded.class_logits[-1])


def assert_same(ours, theirs) -> None:
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(np.asarray(ours) / scale, theirs / scale, rtol=0, atol=CLOSEST)


def test_every_weight_has_one_tensor_of_its_own(detector):
    found = list(targets(detector))
    assert sorted(target.variable.path for target in found) == sorted(weight.path for weight in detector.weights)
    assert len({target.name for target in found}) == len(found)


def test_the_names_of_earlier_versions_are_read(state):
    """They wrote the files of the hub; the classes and boxes of the layers had two names there."""
    earlier = {}
    for old, tensor in state.items():
        name = old.replace("encoder.aifi.", "encoder.encoder.").replace(".o_proj.", ".out_proj.")
        name = name.replace(".mlp.layers.0.", ".fc1.").replace(".mlp.layers.1.", ".fc2.")
        earlier[name.removeprefix("model.decoder.") if "_embed.0" in name else name] = tensor
    assert renamed(earlier).keys() == renamed(state).keys()


# Names in the authors' code, and what is made of them.
OF_AUTHORS = {
    "backbone.stages.1.blocks.0.layers.0.conv.weight": "model.backbone.stages.1.blocks.0.layers.0.conv.weight",
    "encoder.input_proj.0.norm.bias": "model.encoder_input_proj.0.1.bias",
    "encoder.encoder.0.layers.0.linear1.bias": "model.encoder.aifi.0.layers.0.mlp.layers.0.bias",
    "encoder.encoder.0.layers.0.norm2.bias": "model.encoder.aifi.0.layers.0.final_layer_norm.bias",
    "encoder.lateral_convs.0.conv.weight": "model.encoder.lateral_convs.0.conv.weight",
    "encoder.fpn_blocks.0.cv1.conv.weight": "model.encoder.fpn_blocks.0.conv1.conv.weight",
    "encoder.fpn_blocks.0.cv2.0.bottlenecks.0.conv1.conv.weight": (
        "model.encoder.fpn_blocks.0.csp_rep1.bottlenecks.0.conv1.conv.weight"
    ),
    "encoder.fpn_blocks.0.cv3.1.norm.weight": "model.encoder.fpn_blocks.0.conv3.norm.weight",
    "encoder.downsample_convs.0.0.cv2.conv.weight": "model.encoder.downsample_convs.0.conv2.conv.weight",
    "decoder.input_proj.2.conv.weight": "model.decoder_input_proj.2.0.weight",
    "decoder.denoising_class_embed.weight": "model.denoising_class_embed.weight",
    "decoder.enc_output.norm.weight": "model.enc_output.1.weight",
    "decoder.enc_bbox_head.layers.2.bias": "model.enc_bbox_head.layers.2.bias",
    "decoder.decoder.layers.1.cross_attn.sampling_offsets.bias": (
        "model.decoder.layers.1.encoder_attn.sampling_offsets.bias"
    ),
    "decoder.decoder.layers.1.norm1.weight": "model.decoder.layers.1.self_attn_layer_norm.weight",
    "decoder.decoder.layers.1.norm3.weight": "model.decoder.layers.1.final_layer_norm.weight",
    "decoder.decoder.layers.1.gateway.norm.bias": "model.decoder.layers.1.gateway.norm.bias",
    "decoder.decoder.layers.1.self_attn.out_proj.bias": "model.decoder.layers.1.self_attn.o_proj.bias",
    "decoder.decoder.lqe_layers.1.reg_conf.layers.0.bias": "model.decoder.lqe_layers.1.reg_conf.layers.0.bias",
    "decoder.dec_score_head.1.bias": "model.decoder.class_embed.1.bias",
    "decoder.dec_bbox_head.1.layers.0.bias": "model.decoder.bbox_embed.1.layers.0.bias",
    "decoder.pre_bbox_head.layers.0.bias": "model.decoder.pre_bbox_head.layers.0.bias",
}


def test_the_names_of_the_authors_are_read():
    assert list(renamed(dict.fromkeys(OF_AUTHORS, np.zeros(1)))) == list(OF_AUTHORS.values())


def test_projections_of_the_authors_are_taken_apart():
    attention = {"backbone.x": np.zeros(1), "decoder.decoder.layers.0.self_attn.in_proj_bias": np.arange(6)}
    parts = list(renamed(attention).items())[1:]
    expected = {"q_proj": [0, 1], "k_proj": [2, 3], "v_proj": [4, 5]}
    assert {name: list(part) for name, part in parts} == {
        f"model.decoder.layers.0.self_attn.{name}.bias": part for name, part in expected.items()
    }


def test_every_published_size_has_a_row():
    names = [row.name for row in CHECKPOINTS]
    assert names == [f"dfine-{row}-coco" for row in "nsmlx"] + [f"dfine-{row}-obj2coco" for row in "smlx"]
    assert CHECKPOINTS[0].address.startswith("https://huggingface.co/ustc-community/dfine-nano-coco/resolve/main/")
    assert all(row.fit.kind == "stretch" for row in CHECKPOINTS)
