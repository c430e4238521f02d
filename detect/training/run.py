"""`detect.train`: from a dataset and the name of a model to a run folder with a trained detector."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from detect.data.dataset import Dataset, split
from detect.evaluation.coco import Scores
from detect.evaluation.report import write_report
from detect.inference.predictor import Model
from detect.models.saving import ModelCard
from detect.training.average import WeightAverage
from detect.training.checkpoints import Position, load_checkpoint
from detect.training.display import Display, create_display
from detect.training.distribution import create_strategy, is_chief
from detect.training.folder import RunFolder, new_folder, resumed_folder, write_start
from detect.training.journal import Journal, forget_after
from detect.training.loop import Loop
from detect.training.loop import train as run_loop
from detect.training.optimizers import Optimizer
from detect.training.pictures import save_batch
from detect.training.preparation import create_detector, prepare_data
from detect.training.resolution import resolve_settings, seconds
from detect.training.schedule import StepBudget, TimeBudget
from detect.training.settings import TrainingSettings
from detect.training.step import TrainingStep
from detect.training.stream import Stream
from detect.training.validation import Validation


@dataclass(frozen=True)
class TrainedRun:
    """What a run came to."""

    folder: Path
    scores: Scores  # of the best model, on the validation split


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
        weights: `auto`, `imagenet`, `none`, a run or model folder, or a file of backbone weights.
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
    budget = None if settings.max_time is None else TimeBudget(settings.max_time, reserve=0.05 * settings.max_time)
    strategy = create_strategy(settings.strategy)
    chief = is_chief(strategy)
    display = create_display(chief)
    try:
        dataset = prepare_data(settings, display)
        folder = prepare_folder(settings, dataset, resume, chief)
        with strategy.scope():
            return run_in_scope(settings, dataset, folder, strategy, budget, display)
    finally:
        display.close()


def prepare_folder(settings: TrainingSettings, dataset: Dataset, resume: bool, chief: bool) -> RunFolder:
    """The run's folder, with its settings and classes in it."""
    folder = resumed_folder(settings) if resume else None
    if folder is not None or not chief:
        return folder or RunFolder(Path(settings.runs) / (settings.name or settings.model))
    folder = new_folder(settings)
    write_start(folder, settings, dataset.classes)
    return folder


def run_in_scope(
    settings: TrainingSettings,
    dataset: Dataset,
    folder: RunFolder,
    strategy: tf.distribute.Strategy,
    budget: TimeBudget | None,
    display: Display,
) -> TrainedRun:
    """Put the loop together and run it; within the scope of `strategy`."""
    records = split(dataset, "train")
    detector, said = create_detector(settings, len(dataset.classes))
    display.say(said)
    optimizer = Optimizer(settings.optimizer, [variable.value for variable in detector.trainable_variables])
    average = WeightAverage(detector)
    variables = [*(variable.value for variable in detector.variables), *optimizer.state, average.average]
    position = Position()
    if folder.checkpoint.exists():
        position = load_checkpoint(folder.checkpoint, variables)
        display.say(f"Resuming {folder.path} at step {position.step}.")
    sizes = settings.sizes or (settings.image_size,)
    journal = open_journal(folder, position)
    images_per_step = settings.batch_size * settings.accumulate * strategy.num_replicas_in_sync
    if budget is None:
        budget = StepBudget(max(1, round(settings.epochs * len(records) / images_per_step)))
    else:
        budget.spent = position.seconds
    card = ModelCard(
        model=settings.model,
        config=detector.config.model_dump(),
        classes=dataset.classes,
        category_ids=dataset.category_ids,
        image_size=settings.image_size,
    )
    validation = Validation(
        model=Model(detector, card),
        average=average,
        variables=variables,
        records=split(dataset, "val"),
        settings=settings,
        folder=folder,
        journal=journal,
        display=display,
        budget=budget,
        epoch_of=lambda step: step * images_per_step / len(records),
        chief=is_chief(strategy),
    )
    stream = Stream(settings, records, sizes)
    if validation.chief and not position.step:
        save_batch(folder.training_picture, stream.sample(), records, dataset.classes)
    loop = Loop(
        settings=settings,
        strategy=strategy,
        stream=stream,
        step=TrainingStep(detector, optimizer, average, sizes),
        budget=budget,
        position=position,
        validate=validation,
        save=validation.save,
        journal=journal,
        display=display,
    )
    try:
        run_loop(loop)
    finally:
        journal.close()
    if validation.chief:
        write_report(folder.path, validation.scores)
    return TrainedRun(folder.path, validation.scores)


def open_journal(folder: RunFolder, position: Position) -> Journal:
    """The journal, without the rows that a resumed run will write again."""
    forget_after(folder.metrics, position.step)
    return Journal(folder.path)
