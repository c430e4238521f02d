"""RT-DETRv2's checkpoints: every tensor assigned, and the outputs of the authors' code and of `transformers`."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch_writing

from detect.weights.importing import read
from detect.weights.lyuwenyu_rtdetrv2 import CHECKPOINTS

TINY = {"filters": 48, "encoder_hidden": 64, "expansion": 0.5, "channels": 32, "hidden": 64, "layers": 2, "queries": 20}
CASES = {
    "transformers": (18, (96, 160)),
    "authors": (50, (96, 96)),
}  # depth and size; theirs are wrong where not square


def drawn(shapes: dict[str, list[int]], recorded_state) -> dict[str, np.ndarray]:
    """Return the weights of the models whose outputs were recorded, those of fully connected layers around 0."""
    return {
        name: (values - np.float32(0.75)) * np.float32(8 / np.sqrt(values.shape[1])) if values.ndim == 2 else values
        for name, values in recorded_state(shapes).items()
    }


@pytest.mark.parametrize("program", CASES)
def test_outputs_of_the_programs_that_wrote_the_files(program, recorded_state, tmp_path):
    """Recorded: what a model of each program says in evaluation of noise, with the weights of `drawn`.

    They are `RTDetrV2ForObjectDetection` of transformers 5.24.0 and the authors' `RTDETR` (commit 068dfde), with the
    settings above: names and shapes of their tensors, sorted by name, without constants and step counts; class logits
    and boxes of the layers; the boxes from which they start.
    """
    recorded = np.load(Path(__file__).with_name("rtdetrv2.npz"))
    depth, size = CASES[program]
    state = drawn(json.loads(str(recorded[f"{program}/shapes"])), recorded_state)
    file = tmp_path / "theirs.pth"
    file.write_bytes(torch_writing.archive({"ema": {"module": state}} if program == "authors" else state))
    detector, _ = read(dataclasses.replace(CHECKPOINTS[0], config={**TINY, "depth": depth}), file)
    image = np.random.RandomState(int(recorded[f"{program}/seed"])).randint(0, 256, (1, *size, 3)).astype(np.uint8)
    outputs = detector(image)
    np.testing.assert_allclose(outputs["chosen"].boxes, recorded[f"{program}/first"], atol=1e-5)
    np.testing.assert_allclose(outputs["decoded"].boxes, recorded[f"{program}/boxes"], atol=1e-5)
    np.testing.assert_allclose(outputs["decoded"].class_logits, recorded[f"{program}/logits"], atol=3e-5)
