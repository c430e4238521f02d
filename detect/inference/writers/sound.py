"""The sound of a video, in its annotated copy: packet by packet where MP4 can hold it, otherwise encoded as AAC."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction

import av

from detect.inference.sources.frames import VideoFormat

# Of what the MP4 of FFmpeg can hold, what players open.
_IN_MP4 = frozenset(("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"))
# Samples per second that AAC has, ISO/IEC 14496-3, table 1.18.
_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}  # by number of channels; others become stereo

Packets = Iterator[tuple[Fraction, av.Packet]]  # with their times on the clock of the output, seconds


class SoundCopy:
    """Copies the sound of a video file into `output` along with the frames."""

    def __init__(
        self,
        path: str,
        video: VideoFormat,
        output: av.container.OutputContainer,
        note: Callable[[str], None],
    ):
        """
        Args:
            path: the file with the sound.
            video: the video in it.
            output: the copy, to which nothing has been written yet.
            note: called with a sentence where sound is left out.
        """
        self._input = av.open(path, "r", metadata_errors="replace")
        self._output = output
        self._packets = self._shifted_packets(path, video.start, note)
        self._waiting = next(self._packets, None)

    def copy_until(self, timestamp: Fraction) -> None:
        """Copy the sound before `timestamp`, seconds since the first frame."""
        while self._waiting is not None and self._waiting[0] < timestamp:
            self._output.mux(self._waiting[1])
            self._waiting = next(self._packets, None)

    def close(self) -> None:
        self._input.close()

    def _shifted_packets(self, path: str, start: Fraction, note: Callable[[str], None]) -> Packets:
        sounds = self._input.streams.audio
        sound = self._input.streams.best("audio") or sounds[0]
        if len(sounds) > 1:
            note(f"{path}: the annotated copy has one of {len(sounds)} sound tracks.")
        if not isinstance(sound, av.AudioStream) or sound.codec_context is None:
            note(f"{path}: the annotated copy has no sound, because nothing here can decode it.")
            return
        write = self._copied if sound.codec_context.codec.canonical_name in _IN_MP4 else self._encoded
        try:
            yield from write(sound, start)
        except (av.error.FFmpegError, OSError, ValueError) as error:  # as where the number of channels changes
            note(f"{path}: the sound of the annotated copy ends early: {error}.")

    def _copied(self, sound: av.AudioStream, start: Fraction) -> Packets:
        unit = sound.time_base or Fraction(1, av.time_base)  # seconds
        copy = self._output.add_stream_from_template(sound)
        shift = round(start / unit)
        for packet in self._input.demux(sound):
            if packet.pts is None or packet.dts is None or packet.dts < shift:  # the end; before the first frame
                continue
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
            yield packet.dts * unit, packet

    def _encoded(self, sound: av.AudioStream, start: Fraction) -> Packets:
        copy = self._output.add_stream("aac", rate=_rate(sound.codec_context.sample_rate))
        copy.layout = _LAYOUTS.get(sound.codec_context.channels, "stereo")
        for frame in itertools.chain(self._decoded(sound, start), [None]):  # None ends the stream
            for packet in copy.encode(frame):
                if packet.dts is not None and packet.time_base is not None:
                    yield packet.dts * packet.time_base, packet

    def _decoded(self, sound: av.AudioStream, start: Fraction) -> Iterator[av.AudioFrame]:
        for packet in self._input.demux(sound):
            with contextlib.suppress(av.error.InvalidDataError):
                for frame in packet.decode():
                    if frame.pts is not None and frame.time_base and frame.pts * frame.time_base >= start:
                        frame.pts -= round(start / frame.time_base)
                        yield frame


def _rate(samples: int) -> int:
    """Return the samples per second of AAC that are nearest."""
    return min(_RATES, key=lambda rate: abs(rate - samples))
