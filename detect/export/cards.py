"""The content of the cards of an export: the choices of the user, the format and the detector."""

from collections.abc import Mapping

from detect import formats
from detect.artefacts.export_card import EXPORT_CARD
from detect.artefacts.format import Canvas
from detect.artefacts.job import Job
from detect.config import to_json
from detect.errors import BadInput, did_you_mean
from detect.files import write_text
from detect.models.card import CARD, ModelCard, licences_of
from detect.models.detector import Detector
from detect.models.image_sides import require_side
from detect.models.suppression import Suppression

SHAPES: tuple[tuple[int, int], ...] = ((1, 1), (9, 16))  # height to width of the images that an export has a canvas for
MORE_SHAPES = ((16, 9), (3, 4), (4, 3), (2, 3), (3, 2))  # with `dynamic`


def write_cards(job: Job) -> None:
    """Write the cards of an export into its folder."""
    write_text(job.folder / CARD, to_json(job.card))
    write_text(job.folder / EXPORT_CARD, to_json(job.export))


def exported_card(
    detector: Detector, card: ModelCard, image_size: int | None, confidences: Mapping[str, float]
) -> ModelCard:
    """Return the card of the exported model.

    Args:
        detector: the original.
        card: the card of the original.
        image_size: the size that images are brought to, pixels; None is that of the original.
        confidences: minimum scores by class, in addition to those of the original.

    Raises:
        BadInput: the model does not take this size; a class is not one of the model's; a score is not in 0..1.
    """
    card = card.model_copy(update={"licences": licences_of(card)})
    return _with_confidences(_on_squares(_at_size(detector, card, image_size)), confidences)


def canvases(detector: Detector, card: ModelCard, dynamic: bool) -> tuple[Canvas, ...]:
    """Return the sizes of images that an export takes, the square first.

    The others are the parts of the square that images of common shapes of videos cover, without the rest of the
    padding. Anchors and points are constants of a size, so each size is a graph of its own.
    """
    side, divisor, smallest = card.image_size, detector.size_divisor, detector.smallest_side
    placements = (
        card.fit.placement(height, width, side, divisor, smallest, trimmed=True)
        for height, width in (*SHAPES, *(MORE_SHAPES if dynamic else ()))
    )
    return tuple(dict.fromkeys(placement.canvas for placement in placements))


def images_per_call(format: str, batch: int | None) -> int | None:
    """Return `batch`, or what suits the format if it is None; the result None is any number.

    Raises:
        BadInput: the format takes one image only.
    """
    takes = formats.find(format).batch
    if takes == "one" and batch not in (None, 1):
        raise BadInput(f"{format} takes one image per call, because its suppression does: leave out --batch.")
    return batch or (None if takes == "any" else 1)


def left_out(detector: Detector, card: ModelCard) -> Suppression:
    """Return the suppression that the clients of an export without it have to do themselves.

    Raises:
        BadInput: the model has no suppression.
    """
    if detector.suppression is None:
        raise BadInput(f"{card.model} has no suppression that could be left to its client. Leave out --raw.")
    return detector.suppression


def _at_size(detector: Detector, card: ModelCard, image_size: int | None) -> ModelCard:
    side = card.image_size if image_size is None else image_size
    require_side(side, detector.size_divisor, detector.smallest_side)
    return card.model_copy(update={"image_size": side})


def _on_squares(card: ModelCard) -> ModelCard:
    """Return the card with images that kept their shape fitted into a square, since an export has few image sizes."""
    if card.fit.kind != "shortest":
        return card
    return card.model_copy(update={"fit": card.fit.model_copy(update={"kind": "letterbox", "longest": None})})


def _with_confidences(card: ModelCard, confidences: Mapping[str, float]) -> ModelCard:
    for name, value in confidences.items():
        if name not in card.classes:
            raise BadInput(f"The model has no class {name!r}. {did_you_mean(name, card.classes)}")
        if not 0 <= value <= 1:
            raise BadInput(f"Confidence of {name}: expected 0 to 1, got {value:g}.")
    return card.model_copy(update={"confidences": {**card.confidences, **confidences}})
