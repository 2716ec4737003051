"""The two files of configuration, and nothing else reads them: box.toml says what this hardware is,
desk.toml how this desk behaves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from appliance.errors import ConfigError
from appliance.strict import TomlFile

SHIPPED = Path(__file__).parent / "shipped"
"""The box.toml and desk.toml that stand in for ones that are not there."""

PROGRAM = Path(__file__).parent.parent
"""Folder in which the program and its models lie."""

Wording = Literal["fixed", "rephrase"]


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

    def __post_init__(self) -> None:
        if not 1 <= self.threads <= 64:
            raise ValueError(f"has threads = {self.threads}", "1 to 64, at most the number of cores")


@dataclass(frozen=True, slots=True)
class Engines:
    vad: Engine = Engine("silero", "silero-vad", 1)
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
    """Wake words, as the wake engine's models are called."""
    echo: Literal["none", "cancelled"] = "none"
    """Whether the hardware removes the desk's own voice from the microphone. With `none` a visitor cannot
    interrupt."""
    chime: bool = True
    """A short sound that says: I am listening."""


@dataclass(frozen=True, slots=True)
class Web:
    enabled: bool = True
    listen: str = "127.0.0.1:8080"
    """Address and port of the box's own page."""


@dataclass(frozen=True, slots=True)
class Gsm:
    """A GSM modem on USB, with a SIM that callers ring."""

    enabled: bool = False
    modem: str = "auto"
    """`auto` finds it on USB by what it is; `simulator` is one that is none, to try the phone without; or the
    modem's family, where `at` and `sound` name its ports: simcom, quectel, huawei."""
    at: str = ""
    """Port for commands."""
    sound: str = ""
    """Port for sound."""
    pin_file: str = ""
    """A file that holds the SIM's PIN; beside box.toml unless it is a full path."""

    def __post_init__(self) -> None:
        if self.modem not in ("auto", "simulator") and not (self.at and self.sound):
            raise ValueError(f"has modem = {self.modem!r} without its ports", "name them: at and sound")


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
    gsm: Gsm = field(default_factory=Gsm)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the desk knows."""

    ask: tuple[str, ...]
    """Ways in which people ask for it; three to ten."""
    say: str
    """The line that answers them, word for word."""
    label: str = ""
    """What the desk calls it when it asks which of two is meant; else its name."""
    wording: Wording | None = None
    """`rephrase` lets the LLM put the line differently, without changing what it says."""

    def __post_init__(self) -> None:
        if not self.ask:
            raise ValueError("has no questions", 'add ask = ["...", "..."]')
        if not self.say.strip():
            raise ValueError("has nothing to say", 'write say = "..."')
        if len(self.say) > 600:
            raise ValueError(f"says {len(self.say)} characters", "nobody listens to more than 600")


Kind = Literal[
    "date", "time", "datetime", "duration", "number", "money", "phone", "name", "email", "spelled", "code",
    "yes_no", "choice", "text",
]  # fmt: skip


ELSEWHERE = frozenset({"human", "message", "cancel"})
"""Where a flow may lead besides to another flow."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One slot of a flow: what is asked, and what happens when the answer does not come."""

    slot: str
    type: Kind
    prompt: str
    reprompt: tuple[str, ...] = ()
    """Said instead of the prompt after the first, second ... answer that was none."""
    options: tuple[str, ...] = ()
    """For `choice` and `name`: what there is to choose from."""
    goto: dict[str, str] = field(default_factory=dict)
    """For `choice`: the flow that an option leads to; the asking flow ends there."""
    check: str = ""
    """A look-up that must succeed with the slots so far: `calendar.open`."""
    readback: bool = False
    """Whether the caller must agree to what was understood."""
    spelled: bool = False
    optional: bool = False
    """Asked only when the caller mentions it."""
    no_input: int = 2
    no_match: int = 2
    """How often silence, or an answer that is none, is met with another question before `else`."""
    otherwise: str = field(default="human", metadata={"key": "else"})
    """`human`, `message`, `cancel`, or the name of a flow."""


@dataclass(frozen=True, slots=True)
class Do:
    """The one action at the end of a flow."""

    action: str
    arguments: dict[str, str] = field(default_factory=dict, metadata={"key": "with"})
    """Arguments that are not slots of the same name; {slot} is filled in."""
    confirm: str = ""
    """Asked before it is done; without a confirm line only actions that change nothing may run."""
    done: str = "Done."
    """{slot} and what the action returns are filled in."""
    refused: dict[str, str] = field(default_factory=dict)
    """What is said when the action answers no, by its reason: full, closed, none ..."""
    fail: str = "human"
    """Where to go when it fails: `human`, `message`, `cancel`, or a flow."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A form: its state is the first slot that is not filled."""

    phrases: tuple[str, ...] = ()
    """What starts it, as templates: "(book|make) [an] appointment [on {day}]". Without any, only another flow
    does."""
    label: str = ""
    """What the desk calls it when it asks which of two is meant; else its name."""
    say: str = ""
    """Said when it starts."""
    ask: tuple[Ask, ...] = ()
    do: Do | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """The fixed lines of every conversation."""

    greeting: str = "Hello, how can I help you?"
    unknown: str = "I don't know that. Shall I take a message?"
    message: str = "What is the message? Please say your name too."
    taken: str = "Thank you, I have noted that. Is there anything else?"
    not_taken: str = "I am sorry, I could not note that down. Please try again later."
    declined: str = "All right. Is there anything else?"
    again: str = "Sorry, could you say that again?"
    welcome: str = "You're welcome. Anything else?"
    still_there: str = "Are you still there?"
    goodbye: str = "Goodbye."
    moment: str = "One moment, please."
    failed: str = "I am sorry, that did not work."
    which: str = "Do you mean {options}?"
    readback: str = "{value}, is that right?"
    change: str = "What should I change?"
    refused: str = "I am sorry, {value} is not possible."
    cancelled: str = "All right, I have left that. Is there anything else?"
    person: str = "I cannot put you through from here. Shall I take a message?"


@dataclass(frozen=True, slots=True)
class WordingRules:
    default: Wording = "fixed"
    """What holds for facts that do not say."""


@dataclass(frozen=True, slots=True)
class DeskFile:
    """desk.toml."""

    name: str
    """What the desk is called: the house, the firm."""
    lines: Lines = field(default_factory=Lines)
    fact: dict[str, Fact] = field(default_factory=dict)
    flow: dict[str, Flow] = field(default_factory=dict)
    wording: WordingRules = field(default_factory=WordingRules)
    actions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of actions, by name or family: [actions.calendar] ..."""
    documents: str = ""
    """A folder of papers that questions are looked up in; beside desk.toml unless it is a full path."""
    silence: float = 8.0
    """Seconds of quiet before the desk asks whether anybody is there."""
    digest: str = field(default="", metadata={"hidden": True})
    """Not a key: the first 12 hex digits of the file's sha256."""

    def __post_init__(self) -> None:
        if not 2 <= self.silence <= 120:
            raise ValueError(f"has silence = {self.silence}", "2 to 120 seconds")


def read_box(path: Path | None = None) -> tuple[Box, Path]:
    """box.toml and where it stands; without a path, the one in this folder or else the shipped one. Its
    folders are made whole."""
    file = TomlFile(_choose(path, "box.toml"))
    box = file.into(Box)
    beside = Path.cwd() if file.path.parent == SHIPPED else file.path.absolute().parent
    pin_file = str(beside / box.gsm.pin_file) if box.gsm.pin_file else ""
    return replace(
        box, data=beside / box.data, models=PROGRAM / box.models, gsm=replace(box.gsm, pin_file=pin_file)
    ), file.path


def read_desk(path: Path | None = None) -> tuple[DeskFile, Path]:
    """desk.toml and where it stands, chosen likewise."""
    file = TomlFile(_choose(path, "desk.toml"))
    digest = hashlib.sha256(file.text.encode()).hexdigest()[:12]
    desk = file.into(DeskFile)
    papers = str(file.path.absolute().parent / desk.documents) if desk.documents else ""
    return replace(desk, digest=digest, documents=papers), file.path


def secret(path: str) -> str:
    """What a file of secrets holds; nothing without a file. Raises ConfigError where it cannot be read."""
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the secret cannot be read", "check the name and its rights") from error


def _choose(path: Path | None, name: str) -> Path:
    if path is not None:
        return path
    return Path(name) if Path(name).exists() else SHIPPED / name
