"""What every desk can do for those it may know, besides what its file says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from appliance.config.desk import DeskFile
from appliance.config.flow import Flow
from appliance.config.reading import SHIPPED
from appliance.config.strict import TomlFile

UNDO, RECALL, LATER = "undo", "recall", "later"

SERVICES: dict[str, tuple[str, ...]] = {
    UNDO: (
        "[please|can you] undo (that|it|this|what you did) [again|please]",
        "[please|can you] (cancel|revoke) (that|it) again", "[please|can you] take (that|it) back",
        "I (did not|didn't) (want|mean) that", "undo [my|the] (last one|booking|appointment|order)",
    ),
    RECALL: (
        "what did I (book|order|do|ask|ask for|want|say) [here] (last time|before|the last time|last)",
        "what did I (book|order)", "when did I (call|come|book|order) (last|last time|before)",
        "(did|have) I (leave|left) [you] (a|any) (message|note) [about {what}]",
        "(did|have) I (book|booked|make|made|order|ordered) (something|anything|an appointment)"
        " [about {what}]",
        "(did|have) I (ask|asked|call|called) [you] (for|about) {what}",
        "what (did we|have we) (talk|talked) about [last time|before]",
        "do you remember what I (booked|ordered|said|wanted|asked for)",
    ),
    LATER: (
        "(can|could|may) (I|we) (continue|go on|finish|do) [this|that|it] [with this]"
        " (later|another time|tomorrow)",
        "(I want|I would like|I'd like|let me|let us|let's) [to] (continue|go on|finish|do) [this|that|it]"
        " (later|another time|tomorrow)",
        "(I'll|I will|I have to|I need to|I must) (call|come) back [later]",
        "I (have|need) to go now, can we finish later",
        "(later please|let's stop here)",
    ),
}  # fmt: skip
"""What callers may want at any time, by phrases; a flow or fact of that name in the desk file goes before."""


@dataclass(frozen=True, slots=True)
class Standing:
    """standing.toml."""

    flow: dict[str, Flow] = field(default_factory=dict)


@cache
def flows() -> dict[str, Flow]:
    """Those of every desk."""
    return TomlFile(SHIPPED / "standing.toml").into(Standing).flow


def whole(desk: DeskFile) -> DeskFile:
    """The desk with the flows of every desk; its own go before. Where it says `remember = false` under
    [actions.people], nobody is remembered or known."""
    remembers = desk.actions.get("people", {}).get("remember", True)
    added = {
        name: flow for name, flow in flows().items() if remembers or name in ("case", "no_calls", "pairing")
    }
    added = {name: flow for name, flow in added.items() if name not in desk.fact}
    return replace(desk, flow={**added, **desk.flow})


def phrases(desk: DeskFile) -> dict[str, tuple[str, ...]]:
    """By which the services and the standing flows of a whole desk are asked for."""
    kept = {name: flow.phrases for name, flow in flows().items() if desk.flow.get(name) == flow}
    named = desk.flow.keys() | desk.fact.keys()
    return {**{name: each for name, each in SERVICES.items() if name not in named}, **kept}
