"""Who a conversation is with, what is remembered of earlier ones, and the case that it goes on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from appliance.config import DeskFile
from appliance.flows.questions import Questions
from appliance.flows.state import Event, Form, State, filled, fold, worth
from appliance.memory import events, people
from appliance.memory.cases import HOURS, Cases
from appliance.memory.events import EventLog
from appliance.memory.notebook import add_message
from appliance.memory.people import LEVELS, Identity, Level, People
from appliance.memory.recall import EVERYBODY, Recall, Recollection
from appliance.memory.store import Store
from appliance.slots import Value
from appliance.slots.lexer import COUNTRY
from appliance.slots.phones import say_phone

DAYS = 365
"""For which confirmed slots are remembered."""

IMPERSONAL = frozenset("date time datetime duration number money choice yes_no".split())
"""Kinds of slots that tell nothing of whose they are."""

SILENCE = "silence"
"""How a form ended at which nobody spoke any more; it can be gone on with."""

Withheld = Mapping[tuple[int, str], Value]
"""Slots, by form and name, that whoever has but a case number is not told."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Something the desk would do if the caller agrees."""

    kind: Literal["remember", "resume", "undo"]
    line: str
    """As it is to be said."""
    slots: Mapping[str, Value] = field(default_factory=dict)
    """What to remember."""
    case: str = ""
    """What to go on with."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done in this conversation."""

    form: Form
    key: str
    """Under which it can be undone."""
    text: str
    """What it was, for the caller."""


class Acquaintance:
    """Of one conversation. Blocking; StorageError where the disk does not take it."""

    def __init__(
        self, desk: DeskFile, log: EventLog, conversation: str, recall: Recall | None = None
    ) -> None:
        self._desk = desk
        self._questions = Questions(desk)
        self._log = log
        self._conversation = conversation
        self._recall = recall
        self._people = People(log.store)
        self._cases = Cases(log.store, float(desk.actions.get("case", {}).get("hours", HOURS)))
        self._asked = False
        """Whether the caller was asked to be remembered: that is done once."""
        self._agreed: dict[str, tuple[Value, int]] = {}
        """What the caller wishes to be remembered, and the event of that; kept once it is known who it is."""

    # Who it is.

    def began(self, channel: str, caller: str) -> None:
        by = {"channel": channel} if channel else {}
        self._log.append(self._conversation, "began", {**by, "desk": self._desk.digest})
        if caller:
            self._identified("caller_id", number=caller)

    def named(self, name: str) -> None:
        """The caller said a name."""
        if self.identity().name != name:
            self._identified("said", name=name)

    def identity(self) -> Identity:
        return people.identity(self._log.read(self._conversation))

    def level(self) -> Level:
        """Whoever talks with the desk is a caller; more has to be proven."""
        return max(self.identity().level, "caller", key=LEVELS.index)

    # What is remembered.

    def known(self) -> dict[str, Value]:
        """What a form may begin with: `caller_id`, and `remembered.SLOT` of a person whom the desk knows."""
        who = self.identity()
        known = {"caller_id": _number(who.number)} if who.number and who.level != "anyone" else {}
        if who.person and (about := self._people.about(who.person)):
            for slot in (*about.slots, *about.preferences):
                known[f"remembered.{slot.name}"] = Value(slot.value, slot.spoken, 1.0)
        return known

    def secret(self, state: State, event: Event) -> bool:
        """Whether it tells something that is written down nowhere."""
        form = next((each for each in state.forms if each.id == event.data.get("form")), None)
        asks = self._questions.asks(form.flow) if form else ()
        return any(ask.secret for ask in asks if ask.slot == event.data.get("slot"))

    def tell(self, form: Form) -> str:
        """What a form was about: "making an appointment: Thursday, half past ten"."""
        asks = self._questions.asks(form.flow)
        spoken = [form.slots[ask.slot].spoken for ask in asks if ask.slot in form.slots]
        return f"{self._called(form)}: {', '.join(spoken)}" if spoken else self._called(form)

    def after(self, form: Form, action: str) -> Offer | None:
        """What is to be remembered of an action that was done, and what to ask the caller then."""
        who = self.identity()
        if action in ("people.enrol", "people.verify"):
            self._keep_agreed()
        if action == "people.verify" and who.person and (case := self._cases.of(who.person)):
            unfinished = worth(fold(paused(self._log.case(case))))
            return self._offer("resume", unfinished[-1], case=case) if unfinished else None
        flow = self._desk.flow[form.flow]
        if who.person:
            self._learn(who.person, form)
        known = self.known()
        new = {
            slot: form.slots[slot]
            for slot in flow.remember
            if slot in form.slots and _differs(known.get(f"remembered.{slot}"), form.slots[slot])
        }
        if not new or self._asked or "people.enrol" not in _deeds(self._desk):
            return None
        self._asked = True
        return Offer("remember", self._desk.lines.remember, slots=new)

    def agree(self, slots: Mapping[str, Value]) -> bool:
        """The caller wishes this to be remembered; False where it is not known yet who that is."""
        for name, value in slots.items():
            agreed = self._log.append(self._conversation, "agreed", {"name": name, "value": value.value})
            self._agreed[name] = value, agreed
        return self._keep_agreed()

    def recollect(self, question: str) -> Recollection | None:
        """What came of an earlier conversation, for those whom the desk knows. PermissionError for others."""
        who = self.identity()
        if not who.verified:
            raise PermissionError
        whose = EVERYBODY if who.level == "staff" else who.person
        return self._recall.find(whose, question) if self._recall and whose else None

    # The case.

    def pause(self, state: State) -> str:
        """Let what is unfinished be gone on with later; the number for that, empty where there is nothing."""
        return self._cases.number(self._conversation) if worth(state) else ""

    def resume(self, case: str) -> tuple[State, Withheld]:
        """Go on with a case where it was; nothing where another was quicker. Who has but its number has to
        tell anew what is personal, and what is told alike brings back the rest."""
        who, began = self.identity(), people.identity(self._log.read(case))
        same = who.person is not None and who.person == began.person
        state = fold(paused(self._cases.go_on(self._conversation, case)))
        return (state, {}) if same or who.level == "staff" else self._withhold(state)

    def _withhold(self, state: State) -> tuple[State, Withheld]:
        forms = []
        withheld: dict[tuple[int, str], Value] = {}
        for form in state.forms:
            asks = self._questions.asks(form.flow)
            secret = {ask.slot for ask in asks if ask.type not in IMPERSONAL}
            withheld |= {(form.id, slot): value for slot, value in form.slots.items() if slot in secret}
            slots = {slot: value for slot, value in form.slots.items() if slot not in secret}
            doubts = {slot: doubt for slot, doubt in form.doubts.items() if slot not in secret}
            stage: Any = "doubt" if doubts else "ask"
            called = form.called if slots.keys() == form.slots.keys() else frozenset[str]()
            forms.append(
                replace(form, slots=slots, doubts=doubts, known={}, stage=stage, called=called)
            )  # fmt: skip
        return replace(state, forms=tuple(forms)), withheld

    def given_back(self, state: State, withheld: Withheld) -> list[Event]:
        """What fills the open forms, and those that they have called, with what was withheld."""
        return [
            filled(form, slot, value)
            for form in state.forms
            for (owner, slot), value in withheld.items()
            if owner in (form.id, form.within) and slot not in form.slots
            if slot in {ask.slot for ask in self._questions.asks(form.flow)}
        ]

    # The end.

    def ended(
        self,
        state: State,
        deeds: Sequence[str],
        untold: Sequence[str],
        fleet: Sequence[tuple[str, Mapping[str, Any]]] = (),
    ) -> None:
        """Keep what came of it, leave what the caller was not told to people, and close it; `fleet` is what
        the fleet is told of it."""
        who, conversation = self.identity(), self._conversation
        if who.person and worth(state):
            self._cases.pause(conversation)
        store = self._log.store
        left = store.read("select text from message where call = ? order by id", conversation)
        if self._recall:
            for text in deeds:
                self._recall.keep(who.person, conversation, "deed", text)
            for (text,) in left:
                self._recall.keep(who.person, conversation, "message", f"a message: {text}")
        if untold:
            leave_note(store, conversation, f"The caller did not hear this any more: {' '.join(untold)}")
        with store.write() as db:
            events.insert(db, conversation, store.stamp(), "ended", {})
            for kind, data in fleet:
                db.tell(kind, data)
        self._people.summarise(conversation, who.person)

    def _identified(self, how: str, **who: str) -> None:
        self._log.append(self._conversation, "identified", {"how": how, **who})

    def _keep_agreed(self) -> bool:
        if not (person := self.identity().person):
            return False
        for name, (value, agreed) in self._agreed.items():
            self._people.prefer(person, name, value.value, value.spoken, agreed)
        self._agreed.clear()
        return True

    def _learn(self, person: int, form: Form) -> None:
        """Keep the slots that are there to be remembered."""
        days = int(self._desk.actions.get("people", {}).get("days", DAYS))
        for ask in self._questions.asks(form.flow):
            if ask.source == "remembered" and (value := form.slots.get(ask.slot)):
                self._people.keep_slot(
                    person, ask.slot, value.value, value.spoken, self._conversation, days
                )  # fmt: skip

    def _offer(self, kind: Literal["resume", "undo"], form: Form, case: str = "") -> Offer:
        return Offer(kind, getattr(self._desk.lines, kind).format(what=self._called(form)), case=case)

    def _called(self, form: Form) -> str:
        return self._desk.flow[form.flow].label or form.flow.replace("_", " ")


def alike(kept: Value, told: Any) -> bool:
    """Whether two tell the same, however it is written."""
    return "".join(str(kept.value).casefold().split()) == "".join(str(told).casefold().split())


def leave_note(store: Store, conversation: str, text: str) -> None:
    """A message of the desk's own for its people."""
    with store.write() as db:
        add_message(db, conversation, store.stamp(), text, "the desk")


def paused(story: Sequence[events.Event]) -> list[Event]:
    """What happened in a case, but for the end of what ended because nobody spoke."""
    return [
        Event(each.kind, each.data)
        for each in story
        if each.kind != "flow.ended" or each.data.get("how") != SILENCE
    ]


def silenced(event: Event) -> Event:
    """The same, where it happened because nobody spoke."""
    return Event(event.kind, {**event.data, "how": SILENCE}) if event.kind == "flow.ended" else event


def _number(digits: str) -> Value:
    return Value(digits, say_phone(digits, COUNTRY), 1.0)


def _differs(known: Value | None, value: Value) -> bool:
    return known is None or known.value != value.value


def _deeds(desk: DeskFile) -> set[str]:
    return {flow.do.action for flow in desk.flow.values() if flow.do}
