"""The clerk keeps a conversation's forms: writes down what happens to them, and does in the world what they
come to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from appliance.acquaintance import SILENCE, Acquaintance, Deed, Offer, Withheld, alike, silenced
from appliance.actions import REGISTRY, Hands, Outcome, Runner
from appliance.config import DeskFile, standing
from appliance.config.sense import ELSEWHERE
from appliance.engines.thread import EngineThread
from appliance.flows.asking import NOTHING
from appliance.flows.form import Forms
from appliance.flows.state import UNDONE, Event, Form, State, apply, filled, fold
from appliance.flows.steps import Request, Step
from appliance.memory.events import EventLog
from appliance.memory.recall import Recall
from appliance.memory.texts import Texts
from appliance.phone.texting import confirmation
from appliance.slots import Value
from appliance.slots.dates import say_date

RETRACTED = frozenset({"state", "_asked", "offer", "known", "_withheld", "silent"})
"""What `retract` takes back to where it was."""


class Clerk:
    """Of one conversation. Everything that happens to a form is on the disk before it is spoken of."""

    def __init__(
        self,
        desk: DeskFile,
        log: EventLog,
        runner: Runner,
        memory: EngineThread,
        hands: Hands,
        conversation: str,
        now: Callable[[], datetime],
        recall: Recall | None = None,
        channel: str = "",
        caller: str = "",
    ) -> None:
        """`caller`: the number that the network says the call comes from."""
        self.state = State()
        self._desk = desk = standing.whole(desk)
        self._forms = Forms(desk)
        self._acquaintance = Acquaintance(desk, log, conversation, recall)
        self._recall = recall
        self._from = channel, caller
        self._log = log
        self._runner = runner
        self._memory = memory
        self._hands = hands
        self._conversation = conversation
        self._now = now
        self._last_event = 0
        self._asked = ""
        """The line that asked the caller to agree to an action."""
        self.known: Mapping[str, Value] = NOTHING
        """What a form may offer instead of asking: `caller_id`, `remembered.SLOT`."""
        self.news: tuple[str, ...] = ()
        """What came of actions and has not been heard yet."""
        self.offer: Offer | None = None
        """What the caller has been asked to agree to, outside of forms."""
        self._deeds: list[Deed] = []
        self._case = ""
        """The case that is to be gone on with."""
        self._withheld: Withheld = {}
        self.silent: State | None = None
        """Where the forms were when nobody spoke any more."""
        self._telling: asyncio.Task[int] | None = None
        self.latest: Form | None = None
        """The form that was open last."""
        self._lock = asyncio.Lock()
        self._before: dict[str, Any] | None = None
        """What `undo` goes back to; None where something was done in the world since."""
        self._kept = 0
        """Events kept since."""

    def mark(self) -> None:
        """What happens to the forms from here on may be taken back."""
        self._before = {name: value for name, value in vars(self).items() if name in RETRACTED}
        self._kept = 0

    async def retract(self) -> bool:
        """Take back what happened to the forms since `mark`; False where something was done that stands."""
        async with self._lock:
            if self._before is None:
                return False
            vars(self).update(self._before)
            count, self._kept = self._kept, 0
            if count:
                await self._memory.run(self._log.append, self._conversation, UNDONE, {"count": count})
            return True

    async def began(self) -> None:
        await self._memory.run(self._acquaintance.began, *self._from)

    async def ended(self, fleet: Callable[[], Sequence[tuple[str, Mapping[str, Any]]]] = tuple) -> None:
        """What is unfinished can be gone on with, and what the caller has not heard is left for people;
        `fleet` is what the fleet is told of it."""
        news = await self.settled()
        if self._telling:
            await asyncio.gather(self._telling, return_exceptions=True)
        deeds = [deed.text for deed in self._deeds]
        state = self.silent or self.state
        await self._memory.run(self._acquaintance.ended, state, deeds, news, fleet())

    @property
    def busy(self) -> bool:
        """Whether a form is open."""
        return self.state.form is not None

    @property
    def closed(self) -> bool:
        """Whether it is outside of the desk's opening hours."""
        return self._desk.closed(self._now())

    @property
    def confirming(self) -> bool:
        """Whether the caller has been asked to agree to an action."""
        return self.state.form is not None and self.state.form.stage == "confirm"

    def agreeable(self, played: str) -> bool:
        """Whether the line that asks for a yes has been heard to its end."""
        return _in(self._asked, played)

    @property
    def asks(self) -> str:
        """The kind of the open question; anything at all would answer one for `text`."""
        return self._forms.asks(self.state)

    async def start(self, flow: str, text: str, captured: Mapping[str, str] = NOTHING) -> Step:
        """`captured`: what the slots of a phrase caught of the text."""
        self.offer, self.silent = None, None
        self.known = await self._memory.run(self._acquaintance.known)
        return await self._take(
            lambda: self._forms.start(self.state, flow, text, self._now(), self.known, captured)
        )

    def consider(self, text: str) -> Step:
        """What would follow if the caller meant the form; nothing is kept or done."""
        return self._forms.hear(self.state, text, self._now())

    async def hear(self, text: str, line: str) -> Step:
        """`line` is what was PLAYED last; a yes counts for nothing else."""
        self.silent = None
        return await self._take(lambda: self._forms.hear(self.state, text, self._now()), line)

    async def again(self) -> Step:
        """The open question once more, as after a question of the caller's own."""
        return await self._take(lambda: self._forms.resume(self.state, self._now()))

    async def quiet(self) -> Step:
        return await self._take(lambda: self._forms.quiet(self.state, self._now()))

    async def leave(self, how: str) -> Step:
        """End every form: the caller goes on with something else."""
        return await self._take(lambda: self._forms.give_up(self.state, how))

    async def settled(self) -> tuple[str, ...]:
        """Wait until what was begun is done; what the caller has not heard of it yet."""
        async with self._lock:
            return self.news

    def said(self) -> None:
        """The caller has heard what came of the actions so far."""
        if self.news:
            self.news = ()
            telling = self._memory.run(self._log.append, self._conversation, "told")
            self._telling = asyncio.create_task(telling)

    @property
    def undoable(self) -> bool:
        """Whether there is something that can be taken back."""
        return bool(self._deeds) and bool(self._way_back(self._deeds[-1]))

    def undo(self) -> Step:
        """Offer to take back what was done last."""
        if not self.undoable:
            return Step(say=(self._desk.lines.not_undone,))
        self.offer = Offer("undo", self._desk.lines.undo.format(what=self._deeds[-1].text))
        return Step()

    async def recall(self, question: str) -> Step:
        """What came of an earlier conversation."""
        lines = self._desk.lines
        try:
            thread = self._recall.thread if self._recall else self._memory
            found = await thread.run(self._acquaintance.recollect, question)
        except PermissionError:
            return Step(say=(lines.stranger,))
        if found is None:
            return Step(say=(lines.not_recalled,))
        now = self._now()
        day = say_date(found.at.astimezone().date(), now.date())
        return Step(say=(lines.recalled.format(day=day, what=found.text),))

    async def pause(self) -> tuple[str, ...]:
        """Leave what is unfinished as it is, and tell how to go on with it; nothing where nothing is."""
        self._before = None
        number = await self._memory.run(self._acquaintance.pause, self.silent or self.state)
        self.state, self.silent = State(count=self.state.count), None
        return (self._desk.lines.case.format(number=" ".join(number)),) if number else ()

    async def answer(self, yes: bool, played: str) -> Step:
        """A yes or a no to what was offered; `played` as in `hear`."""
        return await asyncio.shield(asyncio.create_task(self._answered(yes, played)))

    async def _answered(self, yes: bool, played: str) -> Step:
        async with self._lock:
            self._before = None
            offer, self.offer = self.offer, None
            if not offer or not yes:
                return Step(say=(self._desk.lines.declined,))
            match offer.kind:
                case "remember":
                    known = await self._memory.run(self._acquaintance.agree, offer.slots)
                    return Step(say=(self._desk.lines.remembered,)) if known else await self._enrol()
                case "resume":
                    self._case = offer.case
                    return await self._go_on_with_case(())
            if not _in(offer.line, played):
                self.offer = offer
                return Step()
            return await self._take_back(self._deeds[-1], offer.line, played)

    async def _enrol(self) -> Step:
        """Find out who wishes to be remembered; what the last form told is not asked again."""
        begun = self._forms.start(self.state, "enrol", "", self._now()).events[:1]
        form = fold(begun, self.state).form
        assert form
        told = self._deeds[-1].form.slots
        events = (*begun, *(filled(form, slot, told[slot]) for slot in ("name", "phone") if slot in told))
        step = self._forms.resume(fold(events, self.state), self._now())
        return await self._carry_out(replace(step, events=(*events, *step.events)))

    async def _take_back(self, deed: Deed, asked: str, played: str) -> Step:
        by = self._way_back(deed)
        action = REGISTRY[by]

        def undo() -> Outcome:
            done = self._runner.outcome(deed.key) or {"action": "", "arguments": {}, "result": {}}
            arguments = done["arguments"] if by == done["action"] else self._runner.way_back(done, by)
            yes = self._log.confirm(self._conversation, by, arguments, played, asked=asked)
            return self._runner.take_back(
                key=deed.key, by=by, conversation=self._conversation, confirmation=yes,
                level=self._acquaintance.level(),
            )  # fmt: skip

        outcome = await self._hands.run(action.outside, undo)
        if outcome.ok:
            self._deeds.remove(deed)
        line = self._desk.lines.undone if outcome.ok else self._desk.lines.not_undone
        self.news += (line,)
        return Step(say=(line,))

    def _way_back(self, deed: Deed) -> str:
        do = self._desk.flow[deed.form.flow].do
        return do.undo if do else ""

    async def _take(self, make: Callable[[], Step], line: str = "") -> Step:
        """Take a step, whole or not at all: a caller who cuts in stops the voice, not the hand."""
        return await asyncio.shield(asyncio.create_task(self._whole(make, line)))

    async def _whole(self, make: Callable[[], Step], line: str) -> Step:
        async with self._lock:
            return await self._carry_out(make(), line)

    async def _carry_out(self, step: Step, line: str = "") -> Step:
        """Keep the events, and do what is asked for, until there is something to say."""
        if step.leave in ELSEWHERE and any(event.kind == "quiet" for event in step.events):
            self.silent = self.state
            step = replace(step, events=tuple(map(silenced, step.events)))
        await self._keep(step, line)
        if await self._proven(step):
            return await self._carry_out(self._forms.resume(self.state, self._now()))
        said = step.say
        while step.request:
            request, form = step.request, self.state.form
            assert form
            if not request.check:
                self._before = None
            outcome, step = await self._do(request)
            await self._keep(step)
            said += step.say
            self.news += step.news
            if outcome.ok and not request.check:
                await self._note(form, request, outcome)
        if self._case:
            return await self._go_on_with_case(step.news)
        if step.leave in ELSEWHERE and not step.waits:
            await self._keep(self._forms.give_up(self.state, SILENCE if self.silent else step.leave))
        elif step.leave and not step.waits:
            begun = self._forms.start(self.state, step.leave, "", self._now(), self.known)
            return await self._carry_out(replace(begun, say=(*said, *begun.say)))
        return replace(step, say=said)

    async def _note(self, form: Form, request: Request, outcome: Outcome) -> None:
        """Something was done: it may be worth remembering, and can perhaps be undone."""
        if request.action == "case.find":
            self._case = outcome.result["found"]
        if text := confirmation(self._desk.flow[form.flow].do, form, self._from[1], outcome.result):
            put = Texts(self._log.store).put
            await self._memory.run(put, *text, self._conversation, outcome.key)
        if form.flow not in standing.flows():
            self._deeds.append(Deed(form, outcome.key, self._acquaintance.tell(form)))
        self.offer = await self._memory.run(self._acquaintance.after, form, request.action)

    @property
    def by_telephone(self) -> bool:
        """Whether the caller has keys to press."""
        return self._from[0] in ("gsm", "sip")

    @property
    def done(self) -> tuple[str, ...]:
        """What was done for the caller so far, in words."""
        return tuple(deed.text for deed in self._deeds)

    async def _go_on_with_case(self, said: tuple[str, ...]) -> Step:
        self._before = None
        case, self._case = self._case, ""
        await self._keep(self._forms.give_up(self.state, "another case"))
        self.state, self._withheld = await self._memory.run(self._acquaintance.resume, case)
        if not self.state.form:
            return Step(say=(self._desk.lines.not_recalled,))
        back = self._forms.resume(self.state, self._now())
        return await self._carry_out(replace(back, say=(*said, *back.say)))

    async def _proven(self, step: Step) -> bool:
        """Whether the caller told something personal just as it was told when the case was begun: then the
        rest is given back. Who tells it otherwise is another, to whom the rest is nothing."""
        for event in step.events:
            slot = event.data.get("slot")
            kept = [value for (_, name), value in self._withheld.items() if name == slot]
            if event.kind != "slot.filled" or not kept:
                continue
            withheld, self._withheld = self._withheld, {}
            if not any(alike(value, event.data["value"]) for value in kept):
                gone = [Event("slot.cleared", {"form": form, "slot": name}) for form, name in withheld]
                await self._keep(Step(tuple(each for each in gone if each.data["slot"] != slot)))
                return False
            back = self._acquaintance.given_back(self.state, withheld)
            self.state = fold(back, self.state)
            return bool(back)
        return False

    async def _do(self, request: Request) -> tuple[Outcome, Step]:
        action = REGISTRY.get(request.action)
        arguments = action.among(request.arguments) if action else dict(request.arguments)
        outcome = await self._hands.run(
            action is not None and action.outside,
            lambda: self._runner.run(
                conversation=self._conversation,
                flow=f"{request.form}",
                confirmation=self._last_event,
                action=request.action,
                arguments=arguments,
                level=self._acquaintance.level(),
            ),
        )
        if request.check:
            return outcome, self._forms.checked(self.state, request, outcome.ok, outcome.why, self._now())
        return outcome, self._forms.done(self.state, outcome.ok, outcome.why, outcome.result, self._now())

    async def _keep(self, step: Step, line: str = "") -> None:
        for event in step.events:
            before = self._last_event
            self._last_event = await self._memory.run(self._append, event, line)
            self.state = apply(self.state, event)
            self.latest = self.state.form or self.latest
            self._kept += self._last_event != before
        if self.confirming and step.say:
            self._asked = step.say[-1]

    def _append(self, event: Event, line: str) -> int:
        if "value" in event.data and self._acquaintance.secret(self.state, event):
            return self._last_event
        if event.kind == "slot.filled" and event.data["slot"] == "name":
            self._acquaintance.named(str(event.data["value"]))
        if event.kind != "confirmed":
            return self._log.append(self._conversation, event.kind, event.data)
        action = REGISTRY.get(event.data["action"])
        arguments = event.data["arguments"]
        given = action.among(arguments) if action else arguments
        return self._log.confirm(
            self._conversation, event.data["action"], given, line, asked=self._asked, form=event.data["form"]
        )


def _in(asked: str, played: str) -> bool:
    return " ".join(asked.split()) in " ".join(played.split())
