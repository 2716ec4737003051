"""What the hardware of a box is, as box.toml has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from appliance.trunks import Gsm, Sip, named


@dataclass(frozen=True, slots=True)
class Engine:
    """Which engine does a job, and with which model."""

    engine: str
    """As `appliance doctor` lists them; `none` where the job may stay undone."""
    model: str = ""
    """As `appliance models list` names it; empty for an engine that needs none."""
    threads: int = 2
    """CPU threads."""
    partials: Literal["", "moonshine"] = ""
    """For `asr` only: a second engine, for the words so far, at a quarter of Whisper's cost. It needs the
    model moonshine-tiny-en."""

    confirm: Literal["whisper", "none"] = "whisper"
    """For `wake` with openwakeword only: what is asked, with the model whisper-tiny.en, whether the word that
    seemed to be said was said. Without it, talk and music wake the desk a few times an hour."""

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= 64:
            raise ValueError(f"has threads = {self.threads}", "1 to 64, at most the number of cores")


@dataclass(frozen=True, slots=True)
class Engines:
    vad: Engine = Engine("silero", "silero-vad", 1)
    eot: Engine = Engine("smart-turn", "smart-turn-v3.2", 1)
    """End of turn: without one, quiet alone ends a turn, and it has to last longer."""
    echo: Engine = Engine("webrtc")
    """Echo cancellation: without it a visitor at a kiosk cannot interrupt."""
    asr: Engine = Engine("whisper", "whisper-tiny.en")
    tts: Engine = Engine("piper", "piper-en_US-joe-medium", 1)
    embed: Engine = Engine("minilm", "minilm-l6-v2", 1)
    llm: Engine = Engine("llama", "smollm2-135m-instruct", 1)
    wake: Engine = Engine("openwakeword", "openwakeword", 1)


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A microphone and a loudspeaker on this box."""

    enabled: bool = True
    microphone: str = "default"
    """The device's name or a part of it; `appliance doctor` lists them."""
    speaker: str = "default"
    wake: Literal["speech", "word", "button", "always"] = "speech"
    """What begins a conversation: being spoken to, the wake word, the button on the page, or nothing."""
    words: tuple[str, ...] = ("alexa",)
    """Wake words: any phrases with the wake engine `spotter`, else as the engine's models are called."""
    echo: Literal["cancel", "hardware", "half-duplex"] = "cancel"
    """Who removes the desk's own voice from the microphone: the desk, or the device. With `half-duplex`
    nobody does; nothing is listened to while the desk speaks, and a visitor cannot interrupt."""
    noise: Literal["keep", "suppress"] = "keep"
    """Whether steady noise is removed as well; it takes words with it, so listen before and after."""
    chime: bool = True
    """A short sound that says: I am listening."""


@dataclass(frozen=True, slots=True)
class Web:
    enabled: bool = True
    listen: str = "127.0.0.1:8080"
    """Address and port of the box's own page."""
    password_file: Path | None = None
    """A file whose first line is what the manager must know to change the desk file by the page; beside
    box.toml unless it is a full path. Needed wherever other machines can open the page."""


@dataclass(frozen=True, slots=True)
class Box:
    """box.toml."""

    data: Path = Path("var")
    """Folder for what the box remembers; beside box.toml unless it is a full path."""
    models: Path = Path("models")
    """Folder of the models; beside the program unless it is a full path."""
    recordings: bool = False
    """Whether calls are recorded into the data folder."""
    engines: Engines = field(default_factory=Engines)
    kiosk: Kiosk = field(default_factory=Kiosk)
    web: Web = field(default_factory=Web)
    gsm: tuple[Gsm, ...] = ()
    """Modems, in the order in which they are called by."""
    sip: Sip = field(default_factory=Sip)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gsm", named(self.gsm))
