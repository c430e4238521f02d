"""`detect.train`: trains a model on a dataset and leaves a run folder with the trained detector."""

import contextlib
import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from detect.data.dataset import Dataset, split
from detect.data.readers.description import open_dataset
from detect.errors import counted
from detect.evaluation.coco_scores import Scores
from detect.evaluation.report import write_report
from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
from detect.inference.predictor import Model
from detect.layers.folded_normalization import restore_statistics
from detect.models import own_files
from detect.models.card import ModelCard
from detect.models.detector import Detector
from detect.models.licences import Licences
from detect.training.callbacks import Callbacks, StopTraining, TrainingCallback
from detect.training.loop import Loop, is_finished
from detect.training.loop import train as run_loop
from detect.training.reporting.display import Display, create_display
from detect.training.reporting.ending import Ending
from detect.training.reporting.journal import Journal
from detect.training.reporting.training_pictures import save_batch
from detect.training.run_folder import (
    RunFolder,
    continued,
    decided,
    new_folder,
    require_place,
    resumed_folder,
    write_start,
)
from detect.training.settings import TrainingSettings
from detect.training.several_runs import with_fold
from detect.training.start.class_weights import class_weights, describe_weights
from detect.training.start.preparation import (
    advice_on_few,
    create_detector,
    find_weights,
    prepare_data,
    show_data,
    start_detector,
)
from detect.training.start.resolution import DEFAULT_EPOCHS, given_options, resolve_settings
from detect.training.teachers.kept_classes import with_kept_classes
from detect.training.teachers.teacher import Lesson, ask_teacher, describe, learn_from, read_lesson
from detect.training.updates.average import WeightAverage
from detect.training.updates.batch_stream import Stream
from detect.training.updates.checkpoints import Position, load_checkpoint, save_checkpoint
from detect.training.updates.distribution import create_strategy, is_chief
from detect.training.updates.left_out import LeftOut
from detect.training.updates.optimizers import create_optimizer
from detect.training.updates.schedule import Budget, StepBudget, TimeBudget
from detect.training.updates.step import TrainingStep
from detect.training.validation import Validator

MEASURED_IMAGES = 64  # samples that give folded normalisations their statistics


@dataclass(frozen=True)
class TrainedRun:
    """The result of a training run.

    Attributes:
        folder: the run folder.
        scores: of the best model on the validation split; None if a resumed run found no better one.
        ending: what the run did, for messages at its end.
    """

    folder: Path
    scores: Scores | None
    ending: Ending


def train(
    data: str | Path,
    model: str = "auto",
    *,
    epochs: float | None = None,
    max_time: str | float | None = None,
    image_size: int | None = None,
    batch_size: int | str | None = None,
    weights: str | Path | None = None,
    name: str | None = None,
    resume: bool = False,
    callbacks: Sequence[TrainingCallback] = (),
    **settings: Any,
) -> TrainedRun:
    """Train a detector, as `detect train` does.

    Args:
        data: a dataset that `open_dataset` reads.
        model: name of a model, see `detect.models.names`, or of a class in a file, `mine.py:Mine`; `auto` is that of
            `weights`, or one that suits the machine and the time.
        epochs: passes over the training images.
        max_time: time limit for the whole call, evaluation included: seconds, or text such as `30m`; instead of
            `epochs`.
        image_size: side of the square images, pixels.
        batch_size: images per step and device, or `auto`.
        weights: `auto`, `imagenet`, `none`, a run or model folder, the name of a published checkpoint, or the file of
            a checkpoint or a backbone.
        name: name of the run folder.
        resume: whether to continue the run of that name after an interruption.
        callbacks: hear of the start, the steps, the validations and the end of the run, see `TrainingCallback`.
        settings: further settings, see `detect.training.settings`, as in `seed=3`; of a group those that change, as in
            `optimizer={"learning_rate": 0.01}`.

    Returns:
        The run folder and the scores of its best model.

    Raises:
        BadInput: an argument, a setting or the data cannot be used.
        RunFailure: the training failed.
    """
    options = given_options(
        data=data,
        model=model,
        epochs=epochs,
        max_time=max_time,
        image_size=image_size,
        batch_size=batch_size,
        weights=weights,
        name=name,
        **settings,
    )
    return run(resolve_settings(options, [], spelled=str), resume, callbacks=callbacks)


def run(
    settings: TrainingSettings,
    resume: bool = False,
    dataset: Dataset | None = None,
    callbacks: Sequence[TrainingCallback] = (),
    started: float | None = None,
) -> TrainedRun:
    """Train in a new run folder or in that of the run that was interrupted.

    Args:
        settings: of the run.
        resume: whether to continue the run.
        dataset: the one in the settings, where it has been opened already.
        callbacks: see `train`.
        started: reading of the monotonic clock from which a time limit counts, seconds; by default now.
    """
    started = time.monotonic() if started is None else started
    require_place(settings)
    strategy = create_strategy(settings.strategy)
    chief = is_chief(strategy)
    heard = Callbacks(callbacks if chief else ())
    with contextlib.closing(create_display(chief)) as display:
        whole = with_fold(settings, dataset or open_dataset(settings.data))
        dataset = prepare_data(whole, settings.max_lost, display)
        earlier = resumed_folder(settings) if resume else None
        if resume and earlier is None:
            wanted = f"run {settings.name}" if settings.name else "earlier run of the model"
            display.say(f"There is no {wanted} in {settings.runs} to continue: a new one begins.")
        begun = earlier if earlier and earlier.checkpoint.exists() else None
        if begun:
            settings, source = continued(begun, settings), None
        else:
            given = decided(earlier.settings(), settings) if earlier else settings
            settings, source = find_weights(given, len(split(dataset, "train")), display)
        lesson = None
        if settings.keep_classes:
            dataset, lesson = teach(settings, dataset, begun, display)
        show_data(settings, dataset, display)
        with strategy.scope():
            detector = create_detector(settings, len(dataset.classes))
            licences = begun.licences() if begun else start_detector(settings, detector, dataset, source, display)
            folder = begun or prepare_folder(settings, dataset, licences, lesson, earlier, chief)
            loop = assemble(settings, dataset, detector, folder, strategy, display, started, heard)
            with contextlib.closing(loop.journal):
                if is_finished(loop):
                    display.say(describe_end(settings, folder))
                else:
                    heard.call("on_start", folder.path, settings)
                    with contextlib.suppress(StopTraining):
                        run_loop(loop)
        if overflow := loop.stream.overflow():
            display.say(overflow)
    if chief:
        if loop.scores:
            loop.scores.save(folder.evaluation)
        write_report(folder.path, loop.scores)
    trained = TrainedRun(folder.path, loop.scores, ending_of(loop, folder.path))
    heard.call("on_end", trained)
    return trained


def ending_of(loop: Loop, folder: Path) -> Ending:
    """Return what a run did that has come to its end."""
    position = loop.position
    return Ending(
        folder=folder,
        data=loop.settings.data,
        model=loop.settings.model,
        seconds=position.seconds,
        updates=position.step,
        epochs=loop.epoch,
        best=loop.scores.AP if loop.scores else position.best,
        best_epoch=position.best_step / loop.stream.steps_per_epoch,
    )


def teach(
    settings: TrainingSettings, dataset: Dataset, begun: RunFolder | None, display: Display
) -> tuple[Dataset, Lesson]:
    """Return the dataset with the classes of the model in `weights` and what it finds, and the latter alone.

    Args:
        settings: of the run.
        dataset: as it was given.
        begun: the folder of the run if it goes on after an interruption: what the model found is read from it.
        display: where to show what was added.
    """
    whole, said = with_kept_classes(settings, dataset)
    for line in said:
        display.say(line)
    lesson = read_lesson(begun) if begun else ask_teacher(settings.weights, whole, settings.teacher, display)
    for line in describe(lesson, len(split(whole, "train"))):
        display.say(line)
    return learn_from(whole, lesson), lesson


def prepare_folder(
    settings: TrainingSettings,
    dataset: Dataset,
    licences: Licences,
    lesson: Lesson | None,
    earlier: RunFolder | None,
    chief: bool,
) -> RunFolder:
    """Return the folder of a run that starts, with its settings, classes and licences in it.

    Args:
        settings: of the run.
        dataset: that it trains on.
        licences: of what it trains.
        lesson: of the teacher, if there is one.
        earlier: the folder of a run that was interrupted before its first checkpoint, if it is to be used again.
        chief: whether this process writes files.
    """
    if not chief:
        return earlier or RunFolder(Path(settings.runs) / (settings.name or own_files.label(settings.model)))
    folder = earlier or new_folder(settings)
    write_start(folder, settings, dataset.classes, licences)
    if lesson:
        lesson.save(folder)
    return folder


def assemble(
    settings: TrainingSettings,
    dataset: Dataset,
    detector: Detector,
    folder: RunFolder,
    strategy: tf.distribute.Strategy,
    display: Display,
    started: float,
    callbacks: Callbacks,
) -> Loop:
    """Return the loop with all that it works with, at its start or where it was interrupted.

    Args:
        settings: of the run.
        dataset: with the splits `train` and `val`.
        detector: with its initial weights, made in the scope of `strategy`.
        folder: of the run.
        strategy: the devices of the run.
        display: where the run shows its progress.
        started: reading of the monotonic clock when the run began, seconds.
        callbacks: hear of steps and validations.
    """
    records = split(dataset, "train")
    stream = Stream(settings, records, strategy)
    restore_folded(detector, stream, display)
    detector.class_weights = class_weights(settings.class_weights, records, dataset.classes)
    if detector.class_weights is not None:
        display.say(describe_weights(detector.class_weights, dataset.classes))
    average = WeightAverage(detector)
    optimizer = create_optimizer(settings.optimizer, detector)
    variables = [*(variable.value for variable in detector.variables), *optimizer.state, average.average]
    position = resume_position(folder, variables, display)
    stream.parts = position.parts
    if is_chief(strategy) and not position.step:
        save_batch(folder.training_picture, next(stream.samples()), records, dataset.classes)
    model = Model(
        TensorFlowBackEnd(detector, learning=True), model_card(settings, dataset, detector, folder.licences())
    )
    train_images, val_images = (LeftOut(dataset, name, settings.max_lost, display.say) for name in ("train", "val"))
    validator = Validator(
        detector,
        model,
        average,
        split(dataset, "val"),
        lambda: stream.batch_size,
        folder,
        val_images.note,
        advice_on_few(settings),
    )
    return Loop(
        settings=settings,
        strategy=strategy,
        stream=stream,
        step=TrainingStep(detector, optimizer, average, settings.sides, strategy),
        budget=create_budget(settings, stream.steps_per_epoch, position, started),
        position=position,
        validate=validator.validate,
        save=lambda position: save_checkpoint(folder.checkpoint, position, variables),
        check_images=lambda: train_images.note(stream.cache.unreadable),
        journal=Journal(folder.path, position.step),
        display=display,
        callbacks=callbacks,
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


def resume_position(folder: RunFolder, variables: list[tf.Variable], display: Display) -> Position:
    """Return the start, or the position of the checkpoint in the folder; `variables` then get its values."""
    if not folder.checkpoint.exists():
        return Position()
    position = load_checkpoint(folder.checkpoint, variables)
    display.say(f"Resuming {folder.path} at step {position.step}.")
    return position


def describe_end(settings: TrainingSettings, folder: RunFolder) -> str:
    """Return the message for a run that is resumed and has come to its end."""
    more = f"detect train --data {settings.data} --model {settings.model} --weights {folder.path} --name NEW_NAME"
    return f"{folder.path} is finished: nothing was trained. To train its model further, start another run: {more}"


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
        licences=licences,
        data=str(dataset.source),
        data_digest=(dataset.given or dataset).digest(),
        fold="" if settings.fold is None else f"{settings.fold} of {settings.folds}",
    )
