"""Export a trained model to another format and deliver the result only after it was compared: `detect.export`.

All formats compute in float32, except in the parts of the network that int8 covers, and in bfloat16 where a processor
is fast in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np

from detect import formats
from detect.artefacts.export_card import (
    EXPORT_CARD,
    INPUTS,
    ExportCard,
    digest_of_files,
    digests_of_files,
    exports_folder,
    files_size,
)
from detect.artefacts.format import Precision, missing
from detect.artefacts.golden_vectors import write_golden
from detect.artefacts.int8_network import CALIBRATION
from detect.artefacts.job import Job
from detect.data.dataset import Dataset, scored_split
from detect.data.readers.description import open_dataset
from detect.data.records import Records
from detect.errors import BadInput, RunFailure, did_you_mean
from detect.export.cards import canvases, exported_card, images_per_call, left_out, write_cards
from detect.export.check import fault_of, most_lost, worth_of_scores
from detect.export.golden_choice import golden_calls
from detect.export.original import Original, opened
from detect.export.treatment import with_layers, with_treatment
from detect.files import deliver_folder, draft_folder, file_digest, is_free
from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
from detect.inference.predictor import Model
from detect.inference.sample_images import images_of
from detect.models.card import WEIGHTS, licences_of, load_card, model_folder
from detect.models.licences import Licences, require_permitted, require_policy
from detect.models.trusted_code import trust
from detect.unwritable import explained
from detect.weights.download import Progress
from detect.weights.opening import find_folder, open_model

BY_AP = ("int8", "bfloat16")  # precisions in which single detections differ, so that only AP tells a fault
FEW = 32  # calibration images below which their number is worth a note


@dataclass(frozen=True)
class Exported:
    """A delivered export."""

    folder: Path
    card: ExportCard
    size: int  # of all files, bytes
    licences: Licences  # of what the model is made of


def export(
    model: str | Path,
    format: str = "openvino",
    *,
    precision: str = "float32",
    image_size: int | None = None,
    batch: int | None = None,
    dynamic: bool = False,
    raw: bool = False,
    class_confidence: Mapping[str, float] | None = None,
    data: str | Path | Dataset | None = None,
    split: str = "val",
    out: str | Path | None = None,
    max_ap_loss: float | None = None,
    doctor: bool = False,
    licence_policy: str = "any",
    say: Callable[[str], None] = lambda text: None,
    progress: Progress | None = None,
) -> Exported:
    """Export a trained model, and deliver it only if it finds what the original finds.

    The options have the names of those of `detect export`.

    Args:
        model: a run folder, a model folder, or the name of a published checkpoint.
        format: one of `detect.formats.names()`.
        precision: precision of the weights in the file. float16 halves it; so does bfloat16, in which a processor that
            is fast in it also computes; int8 is smaller still, and the network also computes in it, calibrated on
            images of the dataset; int8-weights needs no dataset.
        image_size: side that images are brought to, pixels; by default that of the model.
        batch: images per call, for clients that need a fixed number; by default any number, or 1 where the format needs
            a fixed one.
        dynamic: also take videos that are upright, 4:3 or 3:2 without padding them; by default squares and 16:9.
        raw: end before suppression, for clients with their own: images in, all boxes and scores out.
        class_confidence: minimum scores by class where the user of the model gives none; 0.25 for other classes.
        data: anything that `open_dataset` takes; original and export are scored on it. Without it they are compared on
            generated images, and their AP is not known.
        split: part of the dataset to score on.
        out: folder of the export; by default `exports/` in the folder of the run or model, where `auto` finds it; for a
            checkpoint `NAME-FORMAT` in the current folder.
        max_ap_loss: points of AP that may be lost; by default 0.1 with float32, 0.3 with float16, 0.5 with others. An
            export in float16 or int8 that loses more gets the fewest layers in float32 that bring it back, see
            `detect.export.doctor`.
        doctor: measure what each layer costs even if the export is good enough.
        licence_policy: `permissive` refuses a model of which a part has no permissive licence, see
            `detect.models.licences`; `any` does not.
        say: called with each progress message.
        progress: called while a checkpoint is downloaded, with the bytes received and the total.

    Returns:
        The folder of the export, its card and its size.

    Raises:
        BadInput: there is no such model, format or precision; the model does not take this size; int8 or bfloat16
            has no dataset; a package is missing; or a licence is not permitted.
        RunFailure: the export is worse than its original. It is kept with `.rejected` in its name.
    """
    if not isinstance(model, (str, Path)):
        raise BadInput("An export is made of a folder: write one with model.save(FOLDER), and give this folder.")
    bits = _checked_precision(format, precision, data)
    if max_ap_loss is not None and not 0 <= max_ap_loss <= 100:
        raise BadInput(f"Expected points of AP from 0 to 100 as max-ap-loss, got {max_ap_loss}.")
    _check_packages(format, bits)
    target = _target(str(model), _folder_name(format, bits, raw), out)
    folder = find_folder(model, progress=progress)
    if folder is None:
        raise BadInput(f"{model} is not a run folder, model folder or published checkpoint (`detect weights list`).")
    require_permitted(licences_of(load_card(folder)), require_policy(licence_policy))
    # Faults of the data are reported before the work begins.
    whole = None if data is None else open_dataset(data)
    dataset, records = (None, None) if whole is None else scored_split(whole, split)
    if bits in BY_AP and dataset and records is not None and records.ignore.all():
        raise BadInput(f"{dataset.source}: {bits} is delivered by its AP, but the split {split!r} has no box to find.")
    detector, card = open_model(folder)
    card = exported_card(detector, card, image_size, class_confidence or {})
    export_card = ExportCard(
        format=format,
        precision=bits,
        canvases=canvases(detector, card, dynamic),
        inputs=detector.candidate_inputs if raw else INPUTS,
        batch=images_per_call(format, batch),
        size_divisor=detector.size_divisor,
        smallest_side=detector.smallest_side,
        confidence=detector.config.confidence,
        iou=detector.config.iou,
        suppression=left_out(detector, card) if raw else None,
        run=exports_folder(folder).parent.resolve().name,
        weights=file_digest(folder / WEIGHTS),
    )
    original = Original(Model(TensorFlowBackEnd(detector), card), whole, split, records, say)
    seen = dataset.splits.get("train", records) if dataset and bits == "int8" else None
    with draft_folder(target) as new:
        if (target / EXPORT_CARD).exists():
            say(f"The export in {target} will be replaced.")
        say(f"Writing {format}, {bits}, for images of {card.image_size} pixels.")
        images = _calibration_images(original.model, seen, say) if seen else []
        job = Job(formats.find(format), detector, card, export_card, new, images)
        job = _compared(job, original, target, max_ap_loss)
        job = _examined(job, original, target, max_ap_loss, doctor)
        job = _with_own_thresholds(job, original)
        check = job.export.check
        assert check is not None
        if records is not None and (note := worth_of_scores(records, bits, max_ap_loss)):
            say(f"Note: {note}")
        with explained(target):
            if not check.fault:
                write_golden(new, golden_calls(opened(new), original.model, bits))
            job = _labelled(job)
        target = target.with_name(f"{target.name}.rejected") if check.fault else target
        deliver_folder(new, target)
    if check.fault:
        way_on = "" if data is not None else " With a dataset (--data), it is judged by its AP instead."
        kept = f"It is kept as {target}, with the figures in it.{way_on}"
        raise RunFailure(f"The export is not delivered: {check.fault}. {kept}")
    return Exported(target, job.export, files_size(target), job.card.licences)


def _checked_precision(format: str, precision: str, data: str | Path | Dataset | None) -> Precision:
    held = formats.find(format).precisions
    if precision not in get_args(Precision):
        raise BadInput(f"Unknown precision {precision!r}. {did_you_mean(precision, get_args(Precision))}")
    if precision not in held:
        known = [f"{name} has {', '.join(formats.find(name).precisions)}" for name in formats.names()]
        raise BadInput(f"There is no {precision} for {format}: {'; '.join(known)}.")
    if precision == "bfloat16" and data is None:
        raise BadInput("bfloat16 is delivered by its AP: give the dataset to score it on with --data.")
    if precision == "int8" and data is None:
        raise BadInput("int8 is calibrated on images like those that the model will see: give a dataset with --data.")
    return precision


def _check_packages(format: str, precision: Precision) -> None:
    if packages := missing(formats.find(format).packages(precision)):
        raise BadInput(f"Export to {format} needs {' and '.join(packages)}. Run: pip install {' '.join(packages)}")


def _folder_name(format: str, precision: Precision, raw: bool) -> str:
    return "-".join([format, *([] if precision == "float32" else [precision]), *(["raw"] if raw else [])])


def _target(model: str, name: str, out: str | Path | None) -> Path:
    """Return the folder that the export of the model becomes."""
    folder = model_folder(Path(model))
    default = exports_folder(folder) / name if folder else Path(f"{model}-{name}")
    target = default if out is None else Path(out)
    if not is_free(target, EXPORT_CARD):
        raise BadInput(f"{target} exists and is not an export. Give another folder.")
    return target


def _calibration_images(original: Model, records: Records, say: Callable[[str], None]) -> list[np.ndarray]:
    images = images_of(original, records, CALIBRATION, say)
    if len(images) < FEW:
        say(
            f"Note: int8 is calibrated on {len(images)} images only. What other images show may be outside the ranges "
            "found on them: give a dataset with 100 training images or more."
        )
    return images


def _compared(job: Job, original: Original, target: Path, max_ap_loss: float | None) -> Job:
    """Write the models, and return the job with the outcome of their check."""
    with explained(target, _least_size(job)):
        formats.load_writer(job.export.format).write(job)
    trust(digest_of_files(job.folder))
    write_cards(job)
    original.say("Comparing with the original.")
    check = original.check(job.folder, job.detector if job.precision == "float32" else None)
    found = {"fault": fault_of(check, job.precision, max_ap_loss), "computed_in": job.format.computed_in(job.precision)}
    return replace(job, export=job.export.model_copy(update={"check": check.model_copy(update=found)}))


def _examined(job: Job, original: Original, target: Path, max_ap_loss: float | None, doctor: bool) -> Job:
    """Return the job, written anew with layers in float32 where it loses too much AP without."""
    check = job.export.check
    assert check is not None
    if job.precision not in job.format.mixed or not (doctor or check.fault):
        return job
    if not check.fault or not original.is_scored:
        return with_layers(job, original)
    job = with_treatment(job, original, original.score - most_lost(job.precision, max_ap_loss) / 100)
    return _compared(job, original, target, max_ap_loss) if job.kept else job


def _with_own_thresholds(job: Job, original: Original) -> Job:
    """Return the job with thresholds for the goal of the original's, where its scores are others; write its cards."""
    if job.card.goal is None or not job.precision.startswith("int8"):
        return job
    if not original.is_scored:
        original.say(f"Note: the thresholds were chosen for {job.card.goal}; with --data, int8 would get its own.")
        return job
    job = replace(job, card=original.with_thresholds(job.folder, job.card))
    write_cards(job)
    return job


def _labelled(job: Job) -> Job:
    """Write the cards and the digests of the files into the export, and return the job with them."""
    formats.load_writer(job.export.format).label(job)
    trust(digest_of_files(job.folder))
    job = replace(job, export=job.export.model_copy(update={"files": digests_of_files(job.folder)}))
    write_cards(job)
    return job


def _least_size(job: Job) -> int:
    """Return the approximate size of the weights, bytes."""
    shares = {"float32": 4, "float16": 2, "bfloat16": 2}
    return shares.get(job.precision, 1) * sum(int(np.prod(weight.shape)) for weight in job.detector.weights)
