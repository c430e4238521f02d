"""Ask the export doctor about an export: write and score its trials, and note in the card what was found."""

from dataclasses import replace

from detect import formats
from detect.artefacts.export_card import Layer, Treatment, files_size
from detect.artefacts.int8_network import SAMPLED
from detect.artefacts.job import Job
from detect.artefacts.network import Network
from detect.export.cards import write_cards
from detect.export.doctor import MOST_KEPT, SEARCH_SECONDS, Score, layers_of, treated
from detect.export.original import Original
from detect.files import draft_folder
from detect.inference.sample_images import generated_images, images_of

SHOWN = 20  # layers in the card, those that add the most error, besides those that are kept


def with_layers(job: Job, original: Original) -> Job:
    """Return the job with what its layers cost in its card."""
    _, layers = _examined(job, original)
    return _noted(job, layers)


def with_treatment(job: Job, original: Original, target: float) -> Job:
    """Return the job with the fewest layers kept in float32 that bring its AP to a target; all are in its card.

    Args:
        job: an export that was written and compared.
        original: of the export; it is scored.
        target: the least AP.
    """
    network, layers = _examined(job, original)
    original.say(
        f"Looking for the layers to keep in float32: as few as possible, with at most {MOST_KEPT:.0%} of the "
        f"multiply-adds and of the weights. No export is scored any more after {SEARCH_SECONDS // 60} minutes."
    )
    found = treated(layers, _score(job, network, original), target, original.say)
    kept = frozenset(layer.name for layer in found if layer.kept)
    if not kept:
        return _noted(job, found)
    check = job.export.check
    assert check is not None
    assert check.AP is not None
    before = Treatment(AP_before=check.AP, speedup_before=check.speedup, size_before=files_size(job.folder))
    job = _noted(replace(job, kept=kept), found)
    return replace(job, export=job.export.model_copy(update={"treatment": before}))


def _examined(job: Job, original: Original) -> tuple[Network, list[Layer]]:
    """Return the model of the first canvas, and what each of its products costs."""
    square = job.export.canvases[0]
    network = formats.load_writer(job.export.format).network(job, square)
    images = job.images[:SAMPLED]
    if not images and original.records is not None:
        images = images_of(original.model, original.records, SAMPLED, original.say)
    images = images or generated_images(original.model, square)
    return network, layers_of(network, replace(job, images=images).calibration_inputs(square))


def _noted(job: Job, layers: list[Layer]) -> Job:
    shown = tuple(layer for place, layer in enumerate(layers) if place < SHOWN or layer.kept)
    return replace(job, export=job.export.model_copy(update={"layers": shown}))


def _score(job: Job, network: Network, original: Original) -> Score:
    square = job.export.canvases[0]
    export = job.export.model_copy(update={"canvases": (square,), "check": None})

    def score(kept: frozenset[str]) -> float:
        with draft_folder(job.folder / "trial") as folder:
            trial = replace(job, export=export, folder=folder)
            network.write(trial.path(square), kept)
            write_cards(trial)
            return original.score_of(folder)

    return score
