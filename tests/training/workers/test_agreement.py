"""What must be the same on all workers: of settings and data what is trained, wherever it lies."""

from dataclasses import replace

import numpy as np
import tensorflow as tf

from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.training.settings import TrainingSettings
from detect.training.workers.agreement import data_facts, start_facts, state_facts


def test_places_may_differ_but_not_what_is_trained(tmp_path):
    data = [open_dataset(write_shapes(tmp_path / name, train=2, val=1, image_size=64)) for name in ("a", "b")]
    here = TrainingSettings(data="a", model="yolox-micro", runs="x", weights="w")
    there = TrainingSettings(data="b", model="yolox-micro", runs="y", weights="v", checkpoint_seconds=1)
    facts = start_facts(here, data[0])
    assert facts == start_facts(there, data[1])
    other = start_facts(here.model_copy(update={"seed": 3}), data[0])
    assert {key for key in facts if facts[key] != other[key]} == {"seed"}


def test_data_differ_by_a_box_of_a_split_that_is_used(tmp_path):
    dataset = open_dataset(write_shapes(tmp_path / "a", train=2, val=1, image_size=64))
    facts = data_facts(dataset)
    train = dataset.splits["train"]
    kept = train.select_boxes(np.arange(len(train.boxes)) > 0)
    other = data_facts(replace(dataset, splits={**dataset.splits, "train": kept}))
    assert {key for key in facts if facts[key] != other[key]} == {"split train"}
    assert other["split train"].startswith(f"2 images with {len(train.boxes) - 1} boxes (SHA-256 ")


def test_the_state_differs_by_one_bit_of_one_weight():
    variables = [tf.Variable([1.0, 2.0]), tf.Variable(3)]
    facts = state_facts(5, 0, variables)
    assert facts == state_facts(5, 0, [tf.Variable([1.0, 2.0]), tf.Variable(3)])
    variables[0].assign([1.0, np.nextafter(np.float32(2), np.float32(3))])
    assert {key for key, value in state_facts(5, 0, variables).items() if facts[key] != value} == {"weights"}
    assert state_facts(6, 0, variables)["step"] == "6"
