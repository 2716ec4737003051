"""The questions of a desk's flows: which comes next, what answers them, and what may be offered instead."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import takewhile

from appliance.config import Ask, DeskFile, Do
from appliance.flows import told
from appliance.flows.lines import fill
from appliance.flows.state import Event, Form, State, doubted, filled, of
from appliance.flows.steps import Request
from appliance.flows.told import SURE, UNASKED, Told
from appliance.slots import Context, find
from appliance.slots.acts import Act, act

AMENDABLE = frozenset("full closed past far odd none several nameless numberless empty".split())
"""Why an action is refused that may be done with another answer."""


class Questions:
    """Of one desk file."""

    def __init__(self, desk: DeskFile) -> None:
        self._desk = desk

    def tell(
        self, form: Form, asks: Sequence[Ask], text: str, now: datetime, asked: Ask | None = None
    ) -> Told:
        """What the text tells of these slots; of the one that was asked for, whatever it may be."""
        contexts = self.contexts(form, asks, now)
        every = told.tell(asks, text, contexts, now)
        found = told.trusted(asks, every, contexts)
        if asked is None:
            return found
        rest = {slot: values for slot, values in found.items() if slot != asked.slot}
        own = every.get(asked.slot, ())
        if own and told.fits(asked, own[0]):
            return {**rest, asked.slot: own}
        # The same words may mean two things: "half past eight" holds a number too.
        alone = told.answer(asked, text, contexts[asked.slot])
        return {asked.slot: alone} if told.sureness(alone) >= SURE or (alone and not rest) else rest

    def filling(
        self, form: Form, found: Told, asked: Collection[str] = (), doubt: bool = False
    ) -> list[Event]:
        """The events that enter what was told, what was asked for last: as it is, or first to be asked about
        where it is not sure or the desk file wants it read back."""
        do = self._desk.flow[form.flow].do
        events = []
        for slot in sorted(found, key=lambda each: each in asked):
            values = found[slot]
            told_anew = form.stage in ("confirm", "change") and do and f"{{{slot}}}" in do.confirm
            unsure = values[0].score < (SURE if slot in asked else UNASKED)
            if len(values) > 1 or ((unsure or doubt or self.ask(form, slot).readback) and not told_anew):
                events.append(doubted(form, slot, values))
            else:
                events.append(filled(form, slot, values[0]))
        return events

    def look_up(self, form: Form) -> Request | None:
        """The first slot that still has to be looked up, with what is asked for before it: a Sunday is
        refused before its hour is, and for an hour that is taken the day is not. An hour waits for its
        day."""
        standing = list(takewhile(lambda ask: ask.optional or ask.slot in form.slots, self.own(form)))
        for number, ask in enumerate(standing, 1):
            if ask.check and ask.slot in form.slots and ask.slot not in form.checked:
                before = [each.slot for each in standing[:number] if each.slot in form.slots]
                values = {slot: form.slots[slot].value for slot in before}
                return Request(form.id, ask.check, values, check=ask.slot)
        return None

    def request(self, form: Form, do: Do) -> Request:
        """The action at the end of the flow, with what was told."""
        arguments = {slot: value.value for slot, value in form.slots.items()}
        arguments |= {name: fill(text, form) for name, text in do.arguments.items()}
        return Request(form.id, do.action, arguments)

    def amending(self, state: State, do: Do, why: str) -> Event | None:
        """What happens to a form whose action was refused for what the caller told, and may tell otherwise:
        its one slot is asked for anew, or which is to be changed. Where another waits, that goes on."""
        if len(state.forms) > 1 or not (form := state.form) or not do.confirm or why not in AMENDABLE:
            return None
        if len(form.slots) == 1:
            return of(form, "slot.cleared", *form.slots, wanted=True)
        return of(form, "flow.changing")

    def agrees(self, form: Form, rest: str, now: datetime) -> bool:
        """Whether what was said after a yes says nothing else than the form: "yes, Thursday is fine"."""
        asks = [ask for ask in self.asks(form.flow) if ask.type not in ("text", "name")]
        kinds = {ask.slot: ask.type for ask in asks}
        found = find(kinds, rest, Context(now), self.contexts(form, asks, now))
        same = all(form.slots.get(slot) and form.slots[slot].value == v.value for slot, v in found.items())
        return same and act(rest)[0] in ("yes", "none", "thanks", "goodbye") and act(rest)[1] == ""

    def corrections(
        self, form: Form, asked: Ask, text: str, marked: bool, now: datetime
    ) -> tuple[Told, Told]:
        """Values given before that the caller now says otherwise ("no, Friday", when asked for the time), and
        what was told besides. One without a "no" must be of a kind that is hardly misheard."""
        if asked.type == "text" and not (marked and len(text.split()) <= told.SHORT):
            return {}, {}
        asks = self.asks(form.flow)
        if not marked:
            asks = [ask for ask in asks if ask.type in told.PLAIN and ask.type != asked.type]
        contexts = self.contexts(form, asks, now)
        found = told.trusted(asks, told.tell(asks, text, contexts, now), contexts)
        changed = {slot: values for slot, values in found.items() if slot in form.slots}
        changed = {slot: values for slot, values in changed.items() if told.differs(form, slot, values)}
        return changed, {slot: values for slot, values in found.items() if slot not in form.slots}

    def wish(self, form: Form, text: str, now: datetime, bare: bool = False) -> tuple[Ask, str] | None:
        """The slot that the caller wants changed, and to what if that was said; `bare`: its name alone says
        so."""
        asks = self.asks(form.flow)
        return told.wish(asks, form, text, bare) or told.moved(
            asks, form, text, self.contexts(form, asks, now)
        )

    def beside(self, state: State, slot: str, text: str, now: datetime) -> list[Event]:
        """What was told besides a slot that is not known yet, or otherwise."""
        form = state.form
        if form is None or not text:
            return []
        found = self.tell(form, self.asks(form.flow), text, now)
        new = {
            each: values
            for each, values in found.items()
            if each != slot and told.differs(form, each, values)
        }
        return self.filling(form, new) or self.callers_told(state, "correct", text, now)

    def callers_told(self, state: State, said: Act, rest: str, now: datetime) -> list[Event]:
        """What the forms that called the one that is open are now told otherwise: the day is corrected while
        a flow that was called asks for the name."""
        events: list[Event] = []
        form = state.form
        while form and (form := next((each for each in state.forms if each.id == form.within), None)):
            if said in ("no", "correct") and rest:
                asked = self._desk.flow[form.flow].ask[0]
                events += self.filling(form, self.corrections(form, asked, rest, True, now)[0])
        return events

    def contexts(self, form: Form, asks: Sequence[Ask], now: datetime) -> dict[str, Context]:
        return {ask.slot: self.context(form, ask, now) for ask in asks}

    def context(self, form: Form, ask: Ask, now: datetime) -> Context:
        return told.context(self._desk, ask, form, now)

    def asks(self, name: str) -> list[Ask]:
        """The questions of a flow and of the flows that it calls, in order."""
        asks: list[Ask] = []
        for ask in self._desk.flow[name].ask:
            asks += self.asks(ask.call) if ask.call else [ask]
        return asks

    def own(self, form: Form) -> list[Ask]:
        """The questions that are this form's to ask: its flow's, and of the flows that have come back."""
        asks: list[Ask] = []
        for ask in self._desk.flow[form.flow].ask:
            if not ask.call:
                asks.append(ask)
            elif ask.call in form.called:
                asks += self.asks(ask.call)
        return asks

    def last(self, form: Form) -> str:
        """The slot that was filled last, of those that are asked for; empty where none is."""
        asked = {ask.slot for ask in self.asks(form.flow)}
        return next((slot for slot in reversed(tuple(form.slots)) if slot in asked), "")

    def ask(self, form: Form, slot: str) -> Ask:
        return next(ask for ask in self.asks(form.flow) if ask.slot == slot)

    def open(self, form: Form) -> Ask | None:
        """What must be asked for, or called, next."""
        if form.wanted:
            return self.ask(form, form.wanted[0])
        for ask in self._desk.flow[form.flow].ask:
            if ask.call and ask.call not in form.called:
                return ask
            for each in self.asks(ask.call) if ask.call else [ask]:
                if each.slot not in form.slots and not each.optional:
                    return each
        return None

    def needs(self, name: str, seen: set[str]) -> set[str]:
        """What may be offered in a flow and in those that it calls and leads on to."""
        if name in seen:
            return set()
        seen.add(name)
        keys = set()
        for ask in self._desk.flow[name].ask:
            keys |= {_known_as(ask)}
            for other in (*filter(None, [ask.call]), *ask.goto.values()):
                keys |= self.needs(other, seen)
        return keys

    def offer(self, form: Form, ask: Ask) -> Event | None:
        """What is known and may be used instead of asking."""
        value = form.known.get(_known_as(ask))
        offered = value is not None and ask.slot not in form.declined
        return doubted(form, ask.slot, [value], ask.source) if value and offered else None


def _known_as(ask: Ask) -> str:
    return f"remembered.{ask.slot}" if ask.source == "remembered" else ask.source
