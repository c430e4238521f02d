"""The losses of detectors with queries are those of `transformers`, for the same predictions, targets and noise.

Its losses of D-FINE and DEIMv2 are not those of the authors: they lack the predictions before the first refinement and,
of D-FINE, the union of the matches of all layers. `record_query_losses.py` compares with the authors' code.
"""

import importlib.util

import numpy as np
import pytest

if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
    pytest.skip("needs PyTorch and transformers: run `make parity`", allow_module_level=True)

import record_query_losses as record  # makes the folder of the next two known

import drawn_queries as drawn  # isort: skip
import losses_of_drawn as ours  # isort: skip
import tensorflow as tf
from transformers import RfDetrConfig, RTDetrV2Config
from transformers.loss.loss_lw_detr import LwDetrForObjectDetectionLoss
from transformers.loss.loss_rt_detr import RTDetrForObjectDetectionLoss

LAST = f"_aux_{drawn.LAYERS - 1}"  # the encoder's predictions are the last of the auxiliary ones


def targets() -> list[dict]:
    return [{"class_labels": target["labels"], "boxes": target["boxes"]} for target in record.targets()]


def losses_of_rt_detr(values: dict, noise) -> dict:
    """Return their losses by name; denoising queries come first there."""
    places = [record.torch.tensor(np.flatnonzero(indices >= 0)) for indices in noise.indices.numpy()]
    groups = int(np.max(noise.group)) + 1
    meta = {"dn_positive_idx": places, "dn_num_group": groups, "dn_num_split": [drawn.PLACES, drawn.QUERIES]}
    logits, boxes = (values[name][1:].roll(drawn.PLACES, 2).transpose(0, 1) for name in ("logits", "boxes"))
    config = RTDetrV2Config(num_labels=drawn.CLASSES, decoder_layers=drawn.LAYERS, auxiliary_loss=True)
    proposed = values["proposed_logits"], values["proposed_boxes"]
    last = logits[:, -1], targets(), "cpu", boxes[:, -1]
    return RTDetrForObjectDetectionLoss(*last, config, logits, boxes, *proposed, meta)[1]


def losses_of_rf_detr(values: dict) -> dict:
    config = RfDetrConfig(num_labels=drawn.CLASSES, decoder_layers=drawn.LAYERS, auxiliary_loss=True, group_detr=3)
    logits, boxes = (values[name][1:, :, : drawn.QUERIES] for name in ("logits", "boxes"))
    proposed = values["proposed_logits"], values["proposed_boxes"]
    last = logits[-1], targets(), "cpu", boxes[-1]
    losses = LwDetrForObjectDetectionLoss(*last, config, logits, boxes, *proposed)[1]
    weights = {"ce": 1.0, "bbox": 5.0, "giou": 2.0}
    return {name: weights[name.split("_")[1]] * loss for name, loss in losses.items() if name.startswith("loss")}


@pytest.mark.parametrize("case", ["rtdetr", "rfdetr"])
def test_losses_are_those_of_transformers(case):
    truth = ours.drawn_targets()
    noise = ours.drawn_noise(truth)
    found = ours.losses_of(case, {name: tf.constant(rows) for name, rows in drawn.draw().items()}, truth, noise)
    values = {name: rows.detach() for name, rows in record.tensors().items()}
    theirs = losses_of_rt_detr(values, noise) if case == "rtdetr" else losses_of_rf_detr(values)
    expected = record.sums({name.replace(LAST, "_enc"): loss for name, loss in theirs.items()})
    assert {name: float(loss) for name, loss in found.items()} == pytest.approx(expected, rel=1e-5)
