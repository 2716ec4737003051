"""How people reach the desk: one file per channel.

A channel that carries text is a `Call` as it stands. A channel that carries sound is an `AudioChannel`;
`voice.py` wraps it into a Call. A `WaitingLine` is what waits for people (a kiosk, a web server, a trunk) and
hands each of them to the desk.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from appliance.channels.playout import Playout
from appliance.messages import Audio, Event, Expect, Line, Notice, Spoken


class Call(Protocol):
    """Anything one can hear and say to. The brain sees nothing else."""

    id: str
    channel: str
    """`kiosk`, `web`, `chat`, `terminal` ..."""
    desk_begins: bool
    """False where the caller is speaking already, so that a greeting would talk over them."""
    caller: str
    """The number that the network says it comes from; empty where there is none. It can be forged."""

    def hear(self) -> AsyncIterator[Event]:
        """What the caller does, until the call ends."""
        ...

    async def say(self, lines: AsyncIterator[Line]) -> None:
        """Say the lines as they come; return when all was played. Cancelled, the sound stops at once."""
        ...

    def spoken(self) -> Spoken:
        """What was played so far of the latest `say`."""
        ...

    def expect(self, what: Expect) -> None:
        """What the next utterance probably is."""
        ...

    def notice(self, what: Notice) -> None:
        """Show it to the person, where the channel has a screen."""
        ...

    def now(self) -> int:
        """The call's sample clock."""
        ...

    async def hang_up(self) -> None:
        """End the call; `hear` then ends too. Safe to repeat."""
        ...


class AudioChannel(Protocol):
    """A microphone and a speaker on one sample clock, for one call."""

    id: str
    channel: str
    desk_begins: bool
    caller: str
    playout: Playout

    @property
    def half_duplex(self) -> bool:
        """True when the microphone hears the speaker and nothing removes it: the caller cannot interrupt."""
        ...

    def heard_itself(self) -> None:
        """The desk took its own voice for the caller's. A channel that cannot do better is half-duplex from
        now on, and says so where it has a screen."""
        ...

    def microphone(self) -> AsyncIterator[Audio]:
        """Frames of 20 ms without gaps (lost sound comes as concealed silence), until the caller is gone.
        A listener that is too slow loses the oldest frames, counted and concealed."""
        ...

    def notice(self, what: Notice) -> None: ...

    def now(self) -> int: ...

    async def hang_up(self) -> None: ...


class Desk(Protocol):
    """What a Line hands people to. Both return when the conversation is over."""

    async def talk(self, channel: AudioChannel) -> None: ...

    async def chat(self, call: Call) -> None: ...


class WaitingLine(Protocol):
    name: str

    async def serve(self, desk: Desk) -> None:
        """Wait for people and hand each to the desk, until cancelled. Never raises for what a caller does."""
        ...


__all__ = ["Audio", "AudioChannel", "Call", "Desk", "Playout", "WaitingLine"]
