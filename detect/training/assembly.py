"""Putting a run together: the loop, and all that it works with, at its start or where it was interrupted."""

import itertools
import json
import math
from dataclasses import asdict

import tensorflow as tf

from detect.artefacts.int8_network import CALIBRATION
from detect.data.dataset import Dataset, split
from detect.data.records import Records
from detect.errors import counted
from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
from detect.inference.predictor import Model
from detect.inference.sample_images import images_of
from detect.layers.folded_normalization import normalizations, restore_statistics
from detect.models.card import ModelCard
from detect.models.detector import Detector
from detect.models.licences import Licences
from detect.reports.run_report import write_run_report
from detect.training.callbacks import Callbacks
from detect.training.loop import Loop
from detect.training.quantised.int8_rounding import Int8Rounding
from detect.training.reporting.display import Display
from detect.training.reporting.journal import Journal, SilentJournal
from detect.training.reporting.services import start_services
from detect.training.reporting.training_pictures import save_batch
from detect.training.run_folder import RunFolder
from detect.training.settings import TrainingSettings
from detect.training.start.class_weights import class_weights, describe_weights
from detect.training.start.preparation import advice_on_few
from detect.training.start.resolution import DEFAULT_EPOCHS
from detect.training.updates.average import WeightAverage
from detect.training.updates.batch_stream import Stream
from detect.training.updates.checkpoints import Position, load_latest, save_checkpoint
from detect.training.updates.left_out import LeftOut
from detect.training.updates.optimizers import create_optimizer
from detect.training.updates.schedule import Budget, StepBudget, TimeBudget
from detect.training.updates.step import TrainingStep
from detect.training.updates.stop_request import StopRequest
from detect.training.validation import Validator
from detect.training.workers.agreement import require_same, state_facts
from detect.training.workers.exchange import Workers

MEASURED_IMAGES = 64  # samples that give folded normalisations their statistics


def assemble(
    settings: TrainingSettings,
    dataset: Dataset,
    detector: Detector,
    folder: RunFolder,
    workers: Workers,
    display: Display,
    started: float,
    callbacks: Callbacks,
) -> Loop:
    """Return the loop with all that it works with, at its start or where it was interrupted.

    Args:
        settings: of the run.
        dataset: with the splits `train` and `val`.
        detector: with its initial weights on the chief, made in the scope of the strategy of the workers.
        folder: of the run; only the chief reads and writes it.
        workers: that train.
        display: where the run shows its progress.
        started: reading of the monotonic clock when the run began, seconds.
        callbacks: hear of steps and validations.
    """
    records = split(dataset, "train")
    stream = Stream(settings, records, workers.strategy)
    if stream.tiles:
        display.say(stream.tiles.describe())
    if workers.is_chief:
        restore_folded(detector, stream, display)
    detector.class_weights = class_weights(settings.class_weights, records, dataset.classes)
    if detector.class_weights is not None:
        display.say(describe_weights(detector.class_weights, dataset.classes))
    for layer in normalizations(detector):
        layer.synchronized = settings.is_synchronized
    average = WeightAverage(detector)
    optimizer = create_optimizer(settings.optimizer, detector)
    model = Model(
        TensorFlowBackEnd(detector, learning=True), model_card(settings, dataset, detector, folder.licences())
    )
    rounded = settings.quantize is not None
    rounding = begin_rounding(model, detector, records, folder, workers, display) if rounded else None
    model_variables = (variable.value for variable in detector.variables)
    variables = [*model_variables, *optimizer.state, average.average, *(rounding.ranges if rounding else [])]
    position = position_of_chief(workers, folder, variables, display)
    require_same(workers, state_facts(position.step, settings.seed, variables))
    position.parts = math.gcd(position.parts, settings.images_per_batch)  # fewer where devices have fewer images
    stream.parts = position.parts
    if workers.is_chief and not position.step:
        save_batch(folder.training_picture, next(stream.samples()), stream.records, dataset.classes)
    train_images, val_images = (LeftOut(dataset, name, settings.max_lost, display.say) for name in ("train", "val"))
    stop = StopRequest(shared=workers.count > 1)
    validator = Validator(
        detector,
        model,
        average,
        split(dataset, "val"),
        lambda: stream.batch_size,
        folder,
        val_images.note,
        workers,
        stop.check,
        advice_on_few(settings),
    )
    return Loop(
        settings=settings,
        workers=workers,
        stream=stream,
        step=TrainingStep(detector, optimizer, average, settings.sides, workers.strategy),
        budget=create_budget(settings, stream.steps_per_epoch, position, started),
        position=position,
        validate=validator.validate,
        save=lambda position: save_checkpoint(folder.checkpoints, position, variables),
        check_images=lambda: train_images.note(stream.unreadable),
        journal=create_journal(settings, workers, folder, position, display),
        report=lambda: write_run_report(folder.path),
        display=display,
        callbacks=callbacks,
        stop=stop,
    )


def restore_folded(detector: Detector, stream: Stream, display: Display) -> None:
    """Give normalisations that are folded in the file of the initial weights the statistics of the first samples."""
    count = math.ceil(MEASURED_IMAGES / stream.settings.images_per_batch)
    batches = itertools.islice(stream.samples(), count)
    restored = restore_statistics(detector, (batch.images for batch in batches))
    if restored:
        images = count * stream.settings.images_per_batch
        lacking = counted(restored, "normalisation", "normalisations")
        display.say(f"Weights: {lacking} had no statistics, which were measured on {images} samples.")


def begin_rounding(
    model: Model, detector: Detector, records: Records, folder: RunFolder, workers: Workers, display: Display
) -> Int8Rounding:
    """Round the calls of a detector from now on, and return the rounding.

    Args:
        model: the detector, ready to predict.
        detector: with its initial weights on the chief.
        records: training images, which give the ranges.
        folder: of the run; if it has a checkpoint, the ranges in it are used.
        workers: that train; the chief measures the ranges.
        display: where to say it.
    """
    rounding = Int8Rounding(detector, model.card.image_size)

    def measure() -> None:
        images = images_of(model, records, CALIBRATION, display.say)
        rounding.measure(images)
        on = counted(len(images), "image", "images")
        display.say(f"Training with the rounding of int8: {rounding.count} layers, with ranges measured on {on}.")

    workers.together(lambda: measure() if workers.is_chief and not folder.has_checkpoint() else None)
    rounding.begin()
    return rounding


def position_of_chief(workers: Workers, folder: RunFolder, variables: list[tf.Variable], display: Display) -> Position:
    """Return where the chief begins or goes on, see `resume_position`; `variables` get the values that they have there.

    Args:
        workers: that train.
        folder: of the run.
        variables: of the model, the optimizer and the average.
        display: where to show that a run goes on.
    """
    text = workers.text_of_chief(lambda: json.dumps(asdict(resume_position(folder, variables, display))))
    workers.send(variables)
    return Position(**json.loads(text))


def resume_position(folder: RunFolder, variables: list[tf.Variable], display: Display) -> Position:
    """Return the start, or the position of the checkpoint in the folder; `variables` then get its values."""
    if not folder.has_checkpoint():
        return Position()
    position = load_latest(folder.checkpoints, variables, display.say)
    display.say(f"Resuming {folder.path} at step {position.step}.")
    return position


def create_journal(
    settings: TrainingSettings, workers: Workers, folder: RunFolder, position: Position, display: Display
) -> Journal | SilentJournal:
    """Return the journal of a run that begins or goes on at a position; only the chief's writes."""
    if not workers.is_chief:
        return SilentJournal()
    services = start_services(folder, settings, display.say)
    return Journal(folder, services, display.say, position.step, position.validated_step)


def create_budget(settings: TrainingSettings, steps_per_epoch: float, position: Position, started: float) -> Budget:
    """Return the length of the run.

    Args:
        settings: of the run.
        steps_per_epoch: updates in which every image is seen once.
        position: where the run is.
        started: reading of the monotonic clock when this part of the run began, seconds.
    """
    if settings.max_time is not None:
        limit = settings.max_time
        return TimeBudget(limit, position.seconds, reserve=0.05 * limit, pause=0.005 * limit, started=started)
    return StepBudget(max(1, round((settings.epochs or DEFAULT_EPOCHS) * steps_per_epoch)))


def model_card(settings: TrainingSettings, dataset: Dataset, detector: Detector, licences: Licences) -> ModelCard:
    """Return the card of the models that the run saves.

    Args:
        settings: of the run.
        dataset: that it trains on.
        detector: that it trains.
        licences: of what it trains.
    """
    return ModelCard(
        model=settings.model,
        config=detector.config.model_dump(),
        classes=dataset.classes,
        category_ids=dataset.category_ids,
        image_size=settings.side,
        tiling=settings.tiling,
        licences=licences,
        data=str(dataset.source),
        data_digest=(dataset.given or dataset).digest(),
        fold="" if settings.fold is None else f"{settings.fold} of {settings.folds}",
    )
