"""`detect.train`: from a dataset and the name of a model to a run folder with a trained detector."""

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from detect.data.dataset import Dataset, split
from detect.evaluation.coco_scores import Scores
from detect.evaluation.report import write_report
from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
from detect.inference.predictor import Model
from detect.models.card import ModelCard
from detect.models.detector import Detector
from detect.training.average import WeightAverage
from detect.training.batch_stream import Stream
from detect.training.checkpoints import Position, load_checkpoint
from detect.training.display import Display, create_display
from detect.training.distribution import create_strategy, is_chief
from detect.training.initial_weights import start_from
from detect.training.journal import Journal
from detect.training.loop import Loop
from detect.training.loop import train as run_loop
from detect.training.optimizers import Optimizer
from detect.training.preparation import create_detector, find_weights, prepare_data
from detect.training.resolution import DEFAULT_EPOCHS, resolve_settings, seconds
from detect.training.run_folder import RunFolder, new_folder, resumed_folder, write_start
from detect.training.schedule import StepBudget, TimeBudget
from detect.training.settings import TrainingSettings
from detect.training.step import TrainingStep
from detect.training.training_pictures import save_batch
from detect.training.validation import Validation


@dataclass(frozen=True)
class TrainedRun:
    """What a run came to."""

    folder: Path
    scores: Scores | None  # of the best model on the validation split; none if a resumed run found no better one


def train(
    data: str | Path,
    model: str = "yolox-micro",
    *,
    epochs: float | None = None,
    max_time: str | float | None = None,
    image_size: int | None = None,
    batch_size: int | None = None,
    weights: str | None = None,
    name: str | None = None,
    resume: bool = False,
    set: Iterable[str] = (),
) -> TrainedRun:
    """Train a detector; the words are those of `detect train`.

    Args:
        data: anything that `open_dataset` reads.
        model: a name of `detect.models.names()`.
        epochs: passes over the training images.
        max_time: seconds, or text such as `30m`, for everything from here to the scores; instead of `epochs`.
        image_size: side of the square images, pixels.
        batch_size: images a step and device.
        weights: `auto`, `imagenet`, `none`, a run or model folder, the name of a published checkpoint, or a file of
            one or of a backbone.
        name: of the run folder.
        resume: continue the run of that name after an interruption.
        set: further settings as `key=value`, see `detect.training.settings`.

    Raises:
        BadInput: something given cannot be used.
        RunFailure: the training failed.
    """
    options = {
        "data": str(data),
        "model": model,
        "epochs": epochs,
        "max_time": seconds(max_time) if isinstance(max_time, str) else max_time,
        "image_size": image_size,
        "batch_size": batch_size,
        "weights": weights,
        "name": name,
    }
    settings = resolve_settings({key: value for key, value in options.items() if value is not None}, list(set))
    return run(settings, resume)


def run(settings: TrainingSettings, resume: bool = False) -> TrainedRun:
    """Train as `settings` say, in a new run folder or, with `resume`, in the one that was interrupted."""
    started = time.monotonic()
    strategy = create_strategy(settings.strategy)
    chief = is_chief(strategy)
    display = create_display(chief)
    try:
        dataset = prepare_data(settings, display)
        earlier = resumed_folder(settings) if resume else None
        begun = earlier if earlier and earlier.checkpoint.exists() else None
        settings, source = (begun.settings(), None) if begun else find_weights(settings, display)
        with strategy.scope():
            detector = create_detector(settings, len(dataset.classes))
            if not begun:
                display.say(start_from(detector, dataset.classes, settings.weights, source))
            folder = begun or prepare_folder(settings, dataset, earlier, chief)
            loop = assemble(settings, dataset, detector, folder, display, started)
            with contextlib.closing(loop.journal):
                run_loop(loop)
            if overflow := loop.stream.overflow():
                display.say(overflow)
    finally:
        display.close()
    scores = loop.validate.scores
    if chief:
        write_report(folder.path, scores)
    return TrainedRun(folder.path, scores)


def prepare_folder(settings: TrainingSettings, dataset: Dataset, earlier: RunFolder | None, chief: bool) -> RunFolder:
    """The folder of a run at its start, with its settings and classes in it; `earlier` was left before a checkpoint."""
    if not chief:
        return earlier or RunFolder(Path(settings.runs) / (settings.name or settings.model))
    folder = earlier or new_folder(settings)
    write_start(folder, settings, dataset.classes)
    return folder


def assemble(
    settings: TrainingSettings,
    dataset: Dataset,
    detector: Detector,
    folder: RunFolder,
    display: Display,
    started: float,
) -> Loop:
    """The loop with everything that it works with, at its start or where it was interrupted."""
    strategy = tf.distribute.get_strategy()
    records = split(dataset, "train")
    average = WeightAverage(detector)
    optimizer = Optimizer(settings.optimizer, [variable.value for variable in detector.trainable_variables])
    variables = [*(variable.value for variable in detector.variables), *optimizer.state, average.average]
    position = resume_position(folder, variables, display)
    stream = Stream(settings, records)
    budget = create_budget(settings, stream.steps_per_epoch, position, started)
    journal = Journal(folder.path, position.step)
    if is_chief(strategy) and not position.step:
        save_batch(folder.training_picture, stream.sample(), records, dataset.classes)
    validation = Validation(
        detector=detector,
        model=Model(TensorFlowBackEnd(detector, learning=True), model_card(settings, dataset, detector)),
        average=average,
        variables=variables,
        records=split(dataset, "val"),
        settings=settings,
        folder=folder,
        journal=journal,
        display=display,
        budget=budget,
        steps_per_epoch=stream.steps_per_epoch,
        chief=is_chief(strategy),
    )
    step = TrainingStep(detector, optimizer, average, settings.sides)
    return Loop(settings, stream, step, budget, position, validation, journal, display)


def resume_position(folder: RunFolder, variables: list[tf.Variable], display: Display) -> Position:
    """The start, or where the folder's checkpoint was written; `variables` then have the values of that moment."""
    if not folder.checkpoint.exists():
        return Position()
    position = load_checkpoint(folder.checkpoint, variables)
    display.say(f"Resuming {folder.path} at step {position.step}.")
    return position


def create_budget(
    settings: TrainingSettings, steps_per_epoch: float, position: Position, started: float
) -> StepBudget | TimeBudget:
    """The length of the run; `started` is the clock's reading when it began, seconds."""
    if settings.max_time is not None:
        limit = settings.max_time
        return TimeBudget(limit, position.seconds, reserve=0.05 * limit, pause=0.005 * limit, started=started)
    return StepBudget(max(1, round((settings.epochs or DEFAULT_EPOCHS) * steps_per_epoch)))


def model_card(settings: TrainingSettings, dataset: Dataset, detector: Detector) -> ModelCard:
    """What the saved model says of itself."""
    return ModelCard(
        model=settings.model,
        config=detector.config.model_dump(),
        classes=dataset.classes,
        category_ids=dataset.category_ids,
        image_size=settings.side,
        data=str(dataset.source),
        data_digest=dataset.digest(),
    )
