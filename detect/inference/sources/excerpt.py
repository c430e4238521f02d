"""Beginning to decode in the middle of a video, with the right number and time of each frame."""

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av

# Packets between two key frames that are kept: of most videos there are at most 250. Where there are more, decoding
# begins earlier than it has to.
MOST_WAITING = 3000


class Beginning(NamedTuple):
    """The place in a video at which decoding begins."""

    skipped: int  # frames before it
    origin: Fraction | None  # time of the first frame of the video, seconds on the file's own clock; None: not known
    packets: Iterator[av.Packet]  # from there on


def skip_to(packets: Iterator[av.Packet], start: Fraction) -> Beginning:
    """Skip the packets before the last key frame that is shown at `start`, seconds since the first frame, or before it.

    They are read and counted, but not decoded, which takes a hundredth of the time. A seek would be faster still, but
    nobody would know the numbers of the frames. Where a file has no times, nothing is skipped.
    """
    skipped, origin, waiting = 0, None, list[av.Packet]()
    for packet in packets:
        time = _time_of(packet, packet.pts)
        origin = time if origin is None and not packet.is_discard else origin
        since = None if time is None or origin is None else time - origin
        if packet.is_keyframe and since is not None and since <= start:
            skipped += sum(_is_shown(earlier) for earlier in waiting)
            waiting = []
        waiting.append(packet)
        decoded_at = _time_of(packet, packet.dts)
        past = decoded_at is not None and origin is not None and decoded_at - origin > start
        if past or time is None or len(waiting) == MOST_WAITING:
            break
    leading = sum(_is_leading(packet, waiting[0]) for packet in waiting)
    rest = (packet for packet in waiting if not _is_leading(packet, waiting[0]))
    return Beginning(skipped + leading, origin, itertools.chain(rest, packets))


def _time_of(packet: av.Packet, stamp: int | None) -> Fraction | None:
    return None if stamp is None or packet.time_base is None else stamp * packet.time_base


def _is_shown(packet: av.Packet) -> bool:
    """Return whether a packet has a frame of the video: not what an edit list cuts off, nor the end of the file."""
    return packet.size > 0 and not packet.is_discard


def _is_leading(packet: av.Packet, key: av.Packet) -> bool:
    """Return whether a packet is shown before the key frame that it comes after: it needs frames that were skipped."""
    return packet.pts is not None and key.pts is not None and packet.pts < key.pts and _is_shown(packet)
