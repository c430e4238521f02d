"""Training in one straight line, to read, and to copy as the start of your own experiment.

    detect example > my_training.py
    python my_training.py DATA [--model yolox-micro] [--epochs 20] [--image-size 320] [--out plain]

It uses one device, a Keras optimizer, and a constant learning rate after a warm-up. What `detect train` adds (several
devices, averaged weights, a schedule to the end, resuming, the run folder) is in detect/training/.
"""

import argparse
import itertools

import keras
import numpy as np
import tensorflow as tf

from detect import models
from detect.data.dataset import split, with_validation
from detect.data.pipeline import PipelineSettings, training_batches
from detect.data.readers.description import open_dataset
from detect.errors import DetectError
from detect.evaluation.evaluation_run import score_batches
from detect.models.card import ModelCard
from detect.models.detector import losses_and_gradients
from detect.models.saving import save

STEPS_BETWEEN_LINES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--model", default="yolox-micro")
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--image-size", type=int, default=320)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--out", default="plain")
    arguments = parser.parse_args()

    # Data
    dataset = with_validation(open_dataset(arguments.data))
    train, val = split(dataset, "train"), split(dataset, "val")
    size, batch_size = arguments.image_size, arguments.batch_size
    batches = training_batches(train, PipelineSettings(), sizes=(size,), batch_size=batch_size, seed=0)
    steps = max(1, round(arguments.epochs * len(train) / batch_size))

    # Model
    keras.utils.set_random_seed(0)
    detector = models.create(arguments.model, len(dataset.classes))
    rate = keras.optimizers.schedules.PolynomialDecay(0.0, min(steps, 100), arguments.learning_rate)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=0.05, global_clipnorm=10.0)
    optimizer.exclude_from_weight_decay(var_list=[v for v in detector.trainable_variables if len(v.shape) == 1])
    optimizer.build(detector.trainable_variables)

    @tf.function(autograph=False)
    def step(images, targets):
        losses, gradients = losses_and_gradients(detector, images, targets)
        optimizer.apply_gradients(zip(gradients, detector.trainable_variables, strict=True))
        return losses

    # Training
    for number, batch in enumerate(itertools.islice(batches, steps), start=1):
        losses = {name: float(value) for name, value in step(batch.images, batch.targets).items()}
        if not np.isfinite(sum(losses.values())):
            raise SystemExit(f"The loss is not finite at step {number}: {losses}. Try a lower --learning-rate.")
        if number % STEPS_BETWEEN_LINES == 0 or number == steps:
            print(f"step {number} of {steps}  " + "  ".join(f"{name} {value:.3f}" for name, value in losses.items()))

    # Scores and the model, for `detect predict` and `detect evaluate`
    @tf.function(autograph=False)
    def detect(images, extents):
        return detector.decode(detector(images, training=False, extents=extents))

    scores = score_batches(detect, val, size, dataset.classes, dataset.category_ids, batch_size)
    print(f"AP {scores.AP:.3f}  AP50 {scores.AP50:.3f}")
    card = ModelCard(
        model=arguments.model,
        config=detector.config.model_dump(),
        classes=dataset.classes,
        category_ids=dataset.category_ids,
        image_size=size,
    )
    save(detector, card, arguments.out)
    print(f"Written: {arguments.out}. detect predict {arguments.out} PICTURES")


if __name__ == "__main__":
    try:
        main()
    except DetectError as error:
        raise SystemExit(f"Error: {error}") from None
