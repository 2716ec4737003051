"""WebRTC's audio processing, as LiveKit ships it: echo cancellation (AEC3), noise suppression, gain."""

from __future__ import annotations

from functools import partial
from typing import Any

from appliance.errors import EngineError
from appliance.messages import RATE, samples

BLOCK = samples(0.01)
"""Samples that it takes at a time."""


class WebrtcEcho:
    """About 6 ms of one core for a second of sound on a PC. `noise` suppresses steady noise too, by 12 dB,
    and `gain` brings soft voices up by and by. What both do to the words is in docs/turns.md."""

    def __init__(self, noise: bool = False, gain: bool = False) -> None:
        try:
            from livekit.rtc.apm import AudioProcessingModule
        except OSError as error:
            raise EngineError(f"WebRTC's library does not load ({error})", "run `make run`") from error

        module: Any = AudioProcessingModule
        self._make = partial(module, echo_cancellation=True, noise_suppression=noise, auto_gain_control=gain)
        self._make()

    def stream(self) -> WebrtcEchoStream:
        return WebrtcEchoStream(self._make())


class WebrtcEchoStream:
    def __init__(self, module: Any) -> None:
        from livekit.rtc.audio_frame import AudioFrame

        self._module = module
        self._frame: Any = AudioFrame

    def remove(self, played: bytes, heard: bytes) -> bytes:
        step = 2 * BLOCK
        return b"".join(
            self._block(played[at : at + step], heard[at : at + step]) for at in range(0, len(heard), step)
        )

    def _block(self, played: bytes, heard: bytes) -> bytes:
        reference = self._frame(bytearray(played), RATE, 1, BLOCK)
        cleaned = self._frame(bytearray(heard), RATE, 1, BLOCK)
        self._module.process_reverse_stream(reference)
        self._module.process_stream(cleaned)
        return bytes(cleaned.data)
