"""What is valid in a desk file but will not do what its manager meant."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from appliance.actions import REGISTRY
from appliance.channels.exchange import CallFailed, allowed
from appliance.config import DeskFile, Flow
from appliance.config.sense import ELSEWHERE, fields_of, slots
from appliance.config.strict import Place, TomlFile
from appliance.errors import ConfigError
from appliance.understanding.phrases import Phrases

TOO_LONG = 240
"""Characters that nobody listens to in one go: about sixteen seconds."""

Finding = tuple[Place, str, str]
"""Where, what is wrong, and the mend."""


def lint(desk: DeskFile, path: Path, text: str | None = None) -> list[ConfigError]:
    """Everything found, each with file, line, field and mend. `text` stands in for what is in the file."""
    file = TomlFile(path, text)
    return [file.error(place, wrong, mend) for place, wrong, mend in _findings(desk)]


def _findings(desk: DeskFile) -> Iterator[Finding]:
    yield from broken_phrases(desk)
    yield from _shared_phrases(desk)
    yield from _unreachable(desk)
    yield from _uncallable(desk)
    if desk.lines.greeting_closed and desk.hours is None:
        yield ("lines", "greeting_closed"), "is never said", "write [hours]"
    for name, fact in desk.fact.items():
        if len(fact.ask) < 3:
            yield (
                ("fact", name, "ask"),
                f"has {len(fact.ask)} questions",
                "write three to ten ways to ask for it",
            )
        for key in ("say", "say_closed"):
            yield from _long(("fact", name, key), "answers", getattr(fact, key))
        if fact.say_closed and desk.hours is None:
            yield ("fact", name, "say_closed"), "is never said", "write [hours]"
    for name, flow in desk.flow.items():
        yield from _flow(desk, name, flow)


def _uncallable(desk: DeskFile) -> Iterator[Finding]:
    """Nobody is put through to where the desk never calls."""
    for key in ("to", "closed_to") if desk.handoff else ():
        try:
            if to := getattr(desk.handoff, key):
                allowed(to)
        except CallFailed as error:
            yield ("handoff", key), f"can never be called: {error.wrong}", error.mend


def _flow(desk: DeskFile, name: str, flow: Flow) -> Iterator[Finding]:
    if name in ELSEWHERE:
        yield ("flow", name), f"is called {name}, which leads out of flows", "give it another name"
    if name in desk.fact:
        yield ("flow", name), "is called like a fact", "give one of them another name"
    known = slots(desk, flow)
    for number, ask in enumerate(flow.ask, 1):
        place: Place = ("flow", name, "ask", str(number))
        for line in (ask.prompt, *ask.reprompt):
            yield from _long(place, f"asks for {ask.slot}", line)
        if ask.check and ask.check not in REGISTRY:
            yield place, f"checks {ask.slot} by {ask.check}", _known()
        if ask.type == "choice" and not ask.options:
            yield place, f"lets {ask.slot} be chosen from nothing", 'add options = ["...", "..."]'
        if ask.directory and not desk.people():
            yield place, f"looks for {ask.slot} in the directory", "write [[actions.directory.people]]"
        if ask.source and ask.optional:
            yield place, f"offers {ask.slot}, which is never asked for", "leave out optional, or from"
    if flow.do:
        yield from _do(name, flow, known)
    yield from _end(desk, name, flow)


def _end(desk: DeskFile, name: str, flow: Flow) -> Iterator[Finding]:
    """How a flow ends, and what it is while the desk is closed."""
    called = any(ask.call == name for other in desk.flow.values() for ask in other.ask)
    leads_on = bool(flow.ask) and set(flow.ask[-1].options) == flow.ask[-1].goto.keys() != set()
    if not flow.do and not flow.done and not called and not leads_on:
        yield ("flow", name), "ends without a word", 'add done = "..." or [flow.NAME.do]'
    if flow.closed and desk.hours is None:
        yield ("flow", name, "closed"), "never comes about", "write [hours]"
    if flow.closed and called and not flow.phrases:
        yield ("flow", name, "closed"), "never comes about", "it stands in the flow that callers begin"


def _long(place: Place, does: str, line: str) -> Iterator[Finding]:
    if len(line) > TOO_LONG:
        yield place, f"{does} in {len(line)} characters", f"at most {TOO_LONG} are listened to"


def _do(name: str, flow: Flow, known: set[str]) -> Iterator[Finding]:
    do, place = flow.do, ("flow", name, "do")
    assert do
    action = REGISTRY.get(do.action)
    if action is None:
        yield place, f"does {do.action}", _known()
        return
    if action.confirm and not do.confirm:
        yield place, f"does {do.action} without asking", 'add confirm = "..." with what will be done'
    missing = [
        argument
        for argument, each in action.parameters.items()
        if each.required and argument not in known | do.arguments.keys()
    ]
    if missing:
        yield place, f"lacks {', '.join(missing)}", "ask for it in a slot of that name, or give it in `with`"
    back = REGISTRY.get(do.undo)
    if do.undo and back is None:
        yield place, f"is undone by {do.undo}", _known()
    if back is action and action.reverse is None:
        yield place, f"is undone by {do.undo} itself", "that has no way back of its own: name another action"
    if flow.remember and do.done.rstrip().endswith("?"):
        yield (
            place,
            "ends with a question, and then asks whether to remember",
            'leave the question out: "is there anything else?" comes after the answer',
        )
    yield from _long(place, "asks for a yes", do.confirm)
    yield from _long(place, "ends", do.done)
    for line in (do.done, *do.refused.values()):
        for field in fields_of(line):
            near = difflib.get_close_matches(field, known, 1, 0.6)
            if field not in known and near:
                yield place, f"says {{{field}}}", f"did you mean {{{near[0]}}}?"


def broken_phrases(desk: DeskFile) -> Iterator[Finding]:
    """Those without which a desk cannot be loaded."""
    phrases = {("fact", name, "ask"): fact.ask for name, fact in desk.fact.items()}
    phrases |= {("flow", name, "phrases"): flow.phrases for name, flow in desk.flow.items()}
    for place, those in phrases.items():
        try:
            Phrases({place[1]: those})
        except ValueError as error:
            wrong, mend = (*map(str, error.args), "")[:2]
            yield place, wrong, mend


def _shared_phrases(desk: DeskFile) -> Iterator[Finding]:
    places: Mapping[str, list[Place]] = defaultdict(list)
    for name, fact in desk.fact.items():
        for phrase in fact.ask:
            places[_plain(phrase)].append(("fact", name, "ask"))
    for name, flow in desk.flow.items():
        for phrase in flow.phrases:
            places[_plain(phrase)].append(("flow", name, "phrases"))
    for phrase, found in places.items():
        if len({place[:2] for place in found}) > 1:
            others = ", ".join(".".join(place[:2]) for place in found[:-1])
            yield (
                found[-1],
                f'has "{phrase}", and so has {others}',
                "the caller would be asked each time: leave one out",
            )


def _unreachable(desk: DeskFile) -> Iterator[Finding]:
    led_to = {ask.otherwise for flow in desk.flow.values() for ask in flow.ask}
    led_to |= {target for flow in desk.flow.values() for ask in flow.ask for target in ask.goto.values()}
    led_to |= {ask.call for flow in desk.flow.values() for ask in flow.ask}
    led_to |= {flow.closed.goto for flow in desk.flow.values() if flow.closed}
    led_to |= {flow.do.fail for flow in desk.flow.values() if flow.do}
    for name, flow in desk.flow.items():
        if not flow.phrases and name not in led_to:
            yield ("flow", name), "is never reached", "give it phrases, or lead to it from another flow"


def _plain(phrase: str) -> str:
    return " ".join(re.findall(r"[\w'{}()|\[\]]+", phrase.lower()))


def _known() -> str:
    return f"the actions are {', '.join(sorted(REGISTRY))}"
