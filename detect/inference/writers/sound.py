"""The sound of a video, copied into its annotated copy packet by packet without decoding."""

import contextlib
from collections.abc import Iterator
from fractions import Fraction

import av

from detect.inference.sources.frames import VideoFormat

_IN_MP4 = frozenset(("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"))


class SoundCopy:
    """Copies the sound of a video file into `output` along with the frames; nothing where MP4 cannot hold it."""

    def __init__(self, path: str, video: VideoFormat, output: av.container.OutputContainer):
        self._input = av.open(path, "r", metadata_errors="replace")
        self._output = output
        self._packets = self._shifted_packets(video.start)
        self._waiting = next(self._packets, None)

    def copy_until(self, timestamp: Fraction) -> None:
        """Copy the sound before `timestamp`, seconds since the first frame."""
        while self._waiting is not None and self._waiting[0] < timestamp:
            self._output.mux(self._waiting[1])
            self._waiting = next(self._packets, None)

    def close(self) -> None:
        self._input.close()

    def _shifted_packets(self, start: Fraction) -> Iterator[tuple[Fraction, av.Packet]]:
        """Yield the packets and their times, both on the clock of the output."""
        sound = self._input.streams.audio[0]
        unit = sound.time_base or Fraction(1, av.time_base)  # seconds
        if sound.codec_context.name not in _IN_MP4:
            return
        copy = self._output.add_stream_from_template(sound)
        shift = round(start / unit)
        with contextlib.suppress(av.error.FFmpegError, OSError):  # a damaged end: the reader of the frames reports it
            for packet in self._input.demux(sound):
                if packet.pts is None or packet.dts is None or packet.dts < shift:  # the end; before the first frame
                    continue
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
                yield packet.dts * unit, packet
