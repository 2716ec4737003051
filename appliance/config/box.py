"""What the hardware of a box is, as box.toml has it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from appliance.config.trunks import Gsm, Sip, host_of, named, placed
from appliance.gpio.pins import Gpio


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
class Sensor:
    """What tells that somebody stands before the kiosk. Pins are numbered as on the board's plan: GPIO17 is
    17."""

    kind: Literal["motion", "distance"] = "motion"
    """A passive infrared sensor, or an ultrasonic one."""
    pin: int = 17
    """The motion sensor's output, or the distance sensor's echo."""
    trigger: int | None = None
    """The distance sensor's other pin."""
    within: float = 1.2
    """Metres, for a distance sensor."""

    def __post_init__(self) -> None:
        if (self.kind == "distance") is (self.trigger is None):
            wrong = "no trigger" if self.trigger is None else "a trigger, and is no distance sensor"
            raise ValueError(f"has {wrong}", "a distance sensor has two pins, a motion sensor one")
        for pin in (self.pin, self.trigger):
            if pin is not None and not 0 <= pin <= 27:
                raise ValueError(f"has pin {pin}", "0 to 27, as in GPIO17")
        if not 0.1 <= self.within <= 3:
            raise ValueError(f"has within = {self.within}", "0.1 to 3 metres")


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A microphone and a loudspeaker on this box."""

    enabled: bool = True
    microphone: str = "default"
    """The device's name or a part of it; `appliance doctor` lists them."""
    speaker: str = "default"
    wake: Literal["speech", "word", "button", "presence", "always"] = "speech"
    """What begins a conversation: being spoken to, the wake word, the button on the page, somebody who comes,
    or nothing."""
    sensor: Sensor = field(default_factory=Sensor)
    """With wake = "presence"."""
    words: tuple[str, ...] = ("alexa",)
    """Wake words: any phrases with the wake engine `spotter`, else as the engine's models are called."""
    echo: Literal["cancel", "hardware", "half-duplex"] = "cancel"
    """Who removes the desk's own voice from the microphone: the desk, or the device. With `half-duplex`
    nobody does; nothing is listened to while the desk speaks, and a visitor cannot interrupt."""
    gain: float = 0.0
    """dB by which the microphone's sound is raised, for one that stays too soft at its highest setting."""
    noise: Literal["keep", "suppress"] = "keep"
    """Whether steady noise is removed as well, where `echo` is `cancel`; it takes words with it."""
    chime: bool = True
    """A short sound that says: I am listening."""

    def __post_init__(self) -> None:
        if not 0 <= self.gain <= 40:
            raise ValueError(f"has gain = {self.gain:g}", "0 to 40 dB")


@dataclass(frozen=True, slots=True)
class Web:
    enabled: bool = True
    listen: str = "127.0.0.1:8080"
    """Address and port of the box's own page, for this machine only: nothing is encrypted there."""
    network: str = ""
    """Address and port at which other machines may open it, by TLS and with an account: "0.0.0.0:8443".
    Nowhere, if empty."""
    names: tuple[str, ...] = ()
    """Names and addresses by which they reach it, besides the machine's own name."""
    visitors: Literal["here", "all"] = "here"
    """Who may talk and write to the desk by the page without an account: who is at the box itself, or whoever
    opens the page. The rest of it always needs one from other machines."""

    def __post_init__(self) -> None:
        host = host_of(self.listen, least=0)
        if not host:
            raise ValueError(f"has listen = {self.listen!r}", "write it like 127.0.0.1:8080")
        if not is_here(host):
            raise ValueError(
                f"has listen = {self.listen!r}, where other machines could open the page without encryption",
                f'leave it at 127.0.0.1:8080 and write network = "{host}:8443", which has TLS and accounts',
            )
        if self.network and not host_of(self.network, least=0):
            raise ValueError(f"has network = {self.network!r}", "write it like 0.0.0.0:8443")
        for name in self.names:
            if not re.fullmatch(r"[a-z0-9:]([a-z0-9.:-]{0,251}[a-z0-9])?", name):
                raise ValueError(f"has {name!r} among its names", "small letters: desk.example.com")


def is_here(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Traces:
    endpoint: str = ""
    """Where the traces of calls are sent on to, by OTLP over HTTP: "http://127.0.0.1:4318". Nobody, if empty.
    What was said is not in them."""

    def __post_init__(self) -> None:
        if self.endpoint and not self.endpoint.startswith(("http://", "https://")):
            raise ValueError(f"has endpoint = {self.endpoint!r}", "write it like http://127.0.0.1:4318")


@dataclass(frozen=True, slots=True)
class Fleet:
    """The fleet that the box is of. `appliance fleet enrol` makes the files, and says what to write here."""

    enabled: bool = False
    broker: str = ""
    """host:port."""
    device: str = ""
    """What the box is called there: small letters, digits and hyphens."""
    ca: Path | None = None
    """The fleet's certificate; beside box.toml unless it is a full path, as the other files. Without it
    nothing is encrypted, which is for a broker on this machine."""
    certificate: Path | None = None
    key: Path | None = None
    """The box's own."""
    signer: Path | None = None
    """The key that the fleet signs desk files with; without it the box takes none."""
    questions: Literal["count", "words"] = "count"
    """What is told of a question that nothing answered: that there was one, or its words without names and
    numbers."""

    def __post_init__(self) -> None:
        if not self.enabled:
            return
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", self.device):
            raise ValueError(f"has device = {self.device!r}", "small letters, digits and hyphens: lobby-1")
        if not host_of(self.broker):
            raise ValueError(f"has broker = {self.broker!r}", "write it like fleet.local:8883")
        if (self.certificate is None) != (self.key is None) or (self.certificate and not self.ca):
            raise ValueError("has a part of its keys", "ca, certificate and key come together")

    def beside(self, folder: Path) -> Fleet:
        """With its files beside box.toml."""
        files = {name: getattr(self, name) for name in ("ca", "certificate", "key", "signer")}
        return replace(self, **{name: folder / file for name, file in files.items() if file})


@dataclass(frozen=True, slots=True)
class Home:
    """Home Assistant, which finds the box by its MQTT broker."""

    broker: str = ""
    """host:port; nobody is told, if empty."""
    name: str = "reception"
    """What the box is called there."""
    user: str = ""
    password_file: Path | None = None
    """A file that holds the password; beside box.toml unless it is a full path."""

    def __post_init__(self) -> None:
        if self.broker and not host_of(self.broker):
            raise ValueError(f"has broker = {self.broker!r}", "write it like homeassistant.local:1883")
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", self.name):
            raise ValueError(f"has name = {self.name!r}", "small letters, digits and hyphens: reception")

    def beside(self, folder: Path) -> Home:
        return replace(self, password_file=placed(folder, self.password_file))


@dataclass(frozen=True, slots=True)
class Backups:
    """What the box backs up by itself."""

    nightly: bool = True
    """Each night, where `place` is there; a stick that is new, at once."""
    place: Path = Path("/run/media/backup")
    """A folder on another disk than the data: where a stick that is named BACKUP is found."""
    keep: int = 7
    """How many are kept there."""

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ValueError(f"has keep = {self.keep}", "1 or more; nightly = false makes none")


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
    traces: Traces = field(default_factory=Traces)
    fleet: Fleet = field(default_factory=Fleet)
    home: Home = field(default_factory=Home)
    gpio: Gpio = field(default_factory=Gpio)
    backup: Backups = field(default_factory=Backups)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gsm", named(self.gsm))
