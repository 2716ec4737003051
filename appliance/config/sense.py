"""What cannot work in a desk file though each of its values may stand: a line that says a slot which is never
asked for, a flow that leads nowhere, flows that call each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING

from appliance.config.strict import Place

if TYPE_CHECKING:
    from appliance.config.desk import DeskFile
    from appliance.config.flow import Flow
    from appliance.config.lines import Lines

ELSEWHERE = frozenset({"human", "message", "cancel"})
"""Where a flow may lead besides to another flow."""

FILLED: Mapping[str, frozenset[str]] = {
    "reminder": frozenset({"day", "time"}),
    "press": frozenset({"keys"}),
    "calling": frozenset({"desk", "what"}),
    "calls": frozenset({"who"}),
    "calls_about": frozenset({"who", "what"}),
    "calls_done": frozenset({"what"}),
    "calls_saying": frozenset({"words"}),
    "resume": frozenset({"what"}),
    "case": frozenset({"number"}),
    "go_on": frozenset({"what"}),
    "undo": frozenset({"what"}),
    "recalled": frozenset({"day", "what"}),
    "which": frozenset({"options"}),
    "readback": frozenset({"value", "slot"}),
    "use": frozenset({"value", "slot"}),
    "refused": frozenset({"value", "why"}),
}
"""What is filled in to lines that say something besides themselves."""

Wrong = tuple[Place, str, str]
"""Where, what is wrong, and the mend."""


def senseless(desk: DeskFile) -> Iterator[Wrong]:
    yield from _lines(desk.lines)
    yield from _unbroken(desk)
    for name, flow in desk.flow.items():
        yield from _leads(desk, name, flow)
    for name in desk.flow:
        yield from _circle(desk, name)
    for name, flow in desk.flow.items():
        yield from _flow(desk, name, flow)


def _unbroken(desk: DeskFile) -> Iterator[Wrong]:
    place = ("uninterruptible",)
    for name in desk.uninterruptible:
        text = desk.line(name)
        if not text:
            mend = (
                'name a key of [lines], as "greeting", or "fact.NAME", or "flow.NAME" for what it says first'
            )
            yield place, f'names "{name}", and there is no such line', mend
            continue
        fact = desk.fact.get(name.removeprefix("fact.")) if name.startswith("fact.") else None
        if "{" in text or (fact and (fact.wording or desk.wording.default) == "rephrase"):
            mend = "only what is said word for word can be recognised: write it without {} and rephrasing"
            yield place, f'names "{name}", which is not always the same', mend


def slots(desk: DeskFile, flow: Flow) -> set[str]:
    """Those of a flow and of the flows that it calls."""
    found: set[str] = set()
    for ask in flow.ask:
        found |= slots(desk, desk.flow[ask.call]) if ask.call else {ask.slot}
    return found


def fields_of(line: str) -> list[str]:
    """What stands in braces: "Booked for {day}"."""
    return re.findall(r"\{([^{}]*)\}", line)


def unfit(line: str, known: Set[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with a line's braces, and the mend."""
    if set("{}") & set(re.sub(r"\{[^{}]*\}", "", line)):
        yield f'has a brace that is not closed or not opened: "{line}"', "write {day}"
    for field in fields_of(line):
        if field not in known:
            yield f"says {{{field}}}", f"what can stand here: {', '.join(sorted(known)) or 'no slot'}"


def _lines(lines: Lines) -> Iterator[Wrong]:
    for name in lines.__dataclass_fields__:
        for wrong, mend in unfit(getattr(lines, name), FILLED.get(name, frozenset())):
            yield ("lines", name), wrong, mend


def _flow(desk: DeskFile, name: str, flow: Flow) -> Iterator[Wrong]:
    place: Place = ("flow", name)
    known = slots(desk, flow)
    every: list[tuple[Place, str]] = [((*place, "say"), flow.say), ((*place, "done"), flow.done)]
    seen: set[str] = set()
    for number, ask in enumerate(flow.ask, 1):
        at: Place = (*place, "ask", str(number))
        for slot in slots(desk, desk.flow[ask.call]) if ask.call else {ask.slot}:
            if slot in seen:
                yield at, f"asks for {slot} a second time", "give the slot another name"
            seen.add(slot)
        every += [((*at, "prompt"), ask.prompt), *(((*at, "reprompt"), line) for line in ask.reprompt)]
    if flow.closed:
        every.append(((*place, "closed"), flow.closed.say))
    if flow.do:
        every.append(((*place, "do", "confirm"), flow.do.confirm))
        every += [((*place, "do", "with"), line) for line in flow.do.arguments.values()]
        if flow.done:
            yield (*place, "done"), "stands beside do", "write it as done = ... in do"
        # What an action comes back with is its own affair.
        for key, line in (
            ("done", flow.do.done),
            ("sms", flow.do.sms),
            *(("refused", line) for line in flow.do.refused.values()),
        ):
            for wrong, mend in unfit(line, set(fields_of(line))):
                yield (*place, "do", key), wrong, mend
    for where, line in every:
        for wrong, mend in unfit(line, known):
            yield where, wrong, mend
    for slot in flow.remember:
        if slot not in known:
            yield (
                (*place, "remember"),
                f"has {slot}",
                f"the slots here are {', '.join(sorted(known)) or 'none'}",
            )


def _leads(desk: DeskFile, name: str, flow: Flow) -> Iterator[Wrong]:
    """Every way out of a flow leads somewhere."""
    place, mend = ("flow", name), "there is no such flow"
    for number, ask in enumerate(flow.ask, 1):
        at = (*place, "ask", str(number))
        if ask.call and ask.call not in desk.flow:
            yield at, f"calls {ask.call}", mend
        if ask.otherwise not in ELSEWHERE and ask.otherwise not in desk.flow:
            yield at, f"leads from {ask.slot} to {ask.otherwise}", mend
        for target in ask.goto.values():
            if target not in desk.flow:
                yield at, f"leads from {ask.slot} to {target}", mend
    if flow.do and flow.do.fail not in ELSEWHERE and flow.do.fail not in desk.flow:
        yield (*place, "do"), f"leads to {flow.do.fail} when it fails", mend
    if flow.closed and flow.closed.goto and flow.closed.goto not in ELSEWHERE | desk.flow.keys():
        yield (*place, "closed"), f"leads to {flow.closed.goto}", mend


def _circle(desk: DeskFile, name: str) -> Iterator[Wrong]:
    """A flow that comes back to itself by calls, or while the desk is closed, would never end."""
    calls = {each: [ask.call for ask in flow.ask if ask.call] for each, flow in desk.flow.items()}
    if way := _way_back(calls, name):
        yield ("flow", name, "ask"), f"calls itself: {' calls '.join(way)}", "leave one of the calls out"
    closed = {
        each: [flow.closed.goto] if flow.closed and flow.closed.goto not in ELSEWHERE | {each, ""} else []
        for each, flow in desk.flow.items()
    }
    if way := _way_back(closed, name):
        yield ("flow", name, "closed"), f"leads back: {' to '.join(way)}", "let one of them lead elsewhere"


def _way_back(leads: Mapping[str, list[str]], start: str) -> list[str]:
    """The way from a flow to itself; empty where there is none."""
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop(0)
        for target in leads[way[-1]]:
            if target == start:
                return [*way, target]
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return []
