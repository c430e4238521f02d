"""The sound of a video, copied into its annotated copy packet by packet, never decoded."""

from collections.abc import Iterator
from fractions import Fraction

import av

from detect.inference.frames import VideoFormat

_IN_MP4 = frozenset("aac mp3 ac3 eac3 opus flac alac".split())


class SoundCopy:
    """Copies the sound of `video.sound` into `output` as the pictures advance; nothing where MP4 cannot hold it."""

    def __init__(self, video: VideoFormat, output: av.container.OutputContainer):
        self._input = av.open(video.sound, metadata_errors="replace")
        self._output = output
        self._start = video.start
        self._packets = self._shifted_packets()
        self._waiting = next(self._packets, None)

    def copy_until(self, timestamp: Fraction) -> None:
        """Everything that is heard before `timestamp`, seconds since the first picture."""
        while self._waiting is not None and self._waiting.dts * self._waiting.time_base < timestamp:
            self._output.mux(self._waiting)
            self._waiting = next(self._packets, None)

    def close(self) -> None:
        self._input.close()

    def _shifted_packets(self) -> Iterator[av.Packet]:
        sound = self._input.streams.audio[0]
        if sound.codec_context.name not in _IN_MP4:
            return
        copy = self._output.add_stream_from_template(sound)
        start = round(self._start / sound.time_base)
        for packet in self._input.demux(sound):
            if packet.dts is None or packet.dts < start:  # the end; what is heard before the first picture
                continue
            packet.pts, packet.dts = packet.pts - start, packet.dts - start
            packet.stream = copy
            yield packet
