"""The methods of tracking, those of the package `trackers`: a new one is one entry of `METHODS`.

The package is imported when a tracker is made: that takes a second, and nothing else needs it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detect.artefacts.format import missing
from detect.errors import BadInput, did_you_mean

PACKAGES = ("trackers", "supervision")
DEFAULT = "bytetrack"


@dataclass(frozen=True)
class Method:
    """A way to find the objects of a frame again in the next one."""

    title: str
    source: str
    # Returns a tracker of `trackers` for the score from which on a detection begins an identity, and frames per second.
    make: Callable[[float, float], Any]
    least_score: float = 1.0  # of the detections that it makes use of; above that score it has no use for weaker ones
    follows_camera: bool = False  # whether the motion of the camera is estimated and taken out


def _bytetrack(confidence: float, rate: float) -> Any:
    from trackers import ByteTrackTracker

    return ByteTrackTracker(frame_rate=rate, track_activation_threshold=confidence, high_conf_det_threshold=confidence)


def _ocsort(confidence: float, rate: float) -> Any:
    """Return a tracker that tells an identity from the second frame on, as the others do.

    It begins to count these frames anew where an object was missed, and withholds its identity until then: with its
    default of 3 frames, IDF1 is 0.90 in the noisy scenes of our tests where it is 0.96 with this.
    """
    from trackers import OCSORTTracker

    return OCSORTTracker(frame_rate=rate, high_conf_det_threshold=confidence, minimum_consecutive_frames=1)


def _botsort(confidence: float, rate: float) -> Any:
    """Return a tracker without the motion of the camera: that is the same for all classes, see `Identities`."""
    from trackers import BoTSORTTracker

    return BoTSORTTracker(
        frame_rate=rate,
        track_activation_threshold=confidence,
        high_conf_det_threshold=confidence,
        enable_cmc=False,
        instant_first_frame_activation=False,  # its first frame is that in which a class is seen first
    )


METHODS = {
    "bytetrack": Method("ByteTrack", "Zhang et al. 2022, arXiv:2110.06864", _bytetrack, least_score=0.1),
    "ocsort": Method("OC-SORT", "Cao et al. 2023, arXiv:2203.14360", _ocsort),
    "botsort": Method(
        "BoT-SORT", "Aharon et al. 2022, arXiv:2206.14651", _botsort, least_score=0.1, follows_camera=True
    ),
}


def find_method(name: str) -> Method:
    """Return a method of tracking; BadInput where there is none of that name, or its packages are not installed."""
    if name not in METHODS:
        raise BadInput(f"There is no tracker {name!r}. {did_you_mean(name, METHODS)}")
    if packages := missing(PACKAGES):
        raise BadInput(f"Tracking needs {' and '.join(packages)}. Run: pip install 'detect-tf[video]'")
    return METHODS[name]
