"""What an action is: a typed function with a docstring. Its schema comes from both."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from appliance.actions.arguments import Parameter, parameter
from appliance.memory.people import Identity, Level
from appliance.memory.store import Database

Function = Callable[..., Mapping[str, Any]]
Repeat = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]

REGISTRY: dict[str, Action] = {}
"""Every action that was declared, by its name: `calendar.book`."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an action is given to work with."""

    db: Database
    """The box's own file, inside the one transaction that also keeps the outcome. An action that reaches
    outside has none."""
    now: datetime
    """With the desk's zone."""
    conversation: str
    caller: Identity
    settings: Mapping[str, Any]
    """The desk file's, for this action or its family."""
    key: str
    """The idempotency key: the same for every try of the same deed. Sent along by what reaches outside."""
    timeout: float
    """Seconds after which nobody waits for the result any more."""


class Refusal(Exception):
    """Raised by an action that will not be done for a reason that a caller may hear: full, closed, none ...
    Whatever it wrote before is undone."""

    def __init__(self, why: str, **result: Any) -> None:
        super().__init__(why)
        self.why = why
        self.result = result


class Unreachable(Exception):
    """Raised by an action whose other side is down; the circuit breaker counts these. `doubt` when it may
    have been done all the same."""

    def __init__(self, wrong: str, doubt: bool = False) -> None:
        super().__init__(wrong)
        self.doubt = doubt


@dataclass(frozen=True, slots=True)
class Action:
    name: str
    function: Function
    description: str
    parameters: Mapping[str, Parameter]
    free: bool
    """Whether it takes any further arguments, as text."""
    permit: Level
    timeout: float
    """Seconds."""
    limit: tuple[int, int]
    """Times that one caller may do it within so many seconds."""
    confirm: bool
    """Whether the caller must have said yes to a confirm line."""
    outside: bool
    """Whether it reaches beyond the box's own file."""
    repeat: Repeat
    """Whether, outside, it may be done again where it is in doubt: given its settings and arguments."""
    target: str
    """The argument that names what it reaches; the circuit breaker has a fuse for each."""
    secret: frozenset[str] = frozenset()
    """Arguments and results that are written down nowhere."""
    reverse: Callable[[Context, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] | None = None
    """Undoes it: given its arguments and its result."""

    @property
    def family(self) -> str:
        """`calendar` of `calendar.book`; settings are given by name or by family."""
        return self.name.split(".")[0]

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments, with the name and what the docstring says."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {
                "type": "object",
                "properties": {name: each.schema() for name, each in self.parameters.items()},
                "required": [name for name, each in self.parameters.items() if each.required],
                "additionalProperties": {"type": "string"} if self.free else False,
            },
        }

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them; ValueError says in plain words what is wrong. Anything
        may be thrown at it."""
        checked = {}
        for name, value in arguments.items():
            if name in self.parameters:
                checked[name] = self.parameters[name].check(value)
            elif self.free and isinstance(name, str) and name.isidentifier():
                checked[name] = FREE.check(value)
            else:
                raise ValueError(f"{name!r} is no argument of {self.name}; {self._known()}")
        for name, each in self.parameters.items():
            if each.required and name not in checked:
                raise ValueError(f"{self.name} needs {name}; {self._known()}")
        return checked

    def among(self, slots: Mapping[str, Any]) -> dict[str, Any]:
        """Those of a form's slots that the action takes."""
        return {name: value for name, value in slots.items() if name in self.parameters or self.free}

    def public(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Without what is written down nowhere."""
        return {name: value for name, value in values.items() if name not in self.secret}

    def undo(self, reverse: Any) -> Any:
        """Decorator: this function undoes the action."""
        REGISTRY[self.name] = replace(self, reverse=reverse)
        return reverse

    def _known(self) -> str:
        return f"it takes {', '.join(self.parameters) or 'none'}"


def action(
    name: str = "",
    *,
    permit: Level = "caller",
    timeout: float = 5.0,
    limit: tuple[int, int] = (10, 3600),
    confirm: bool = True,
    outside: bool = False,
    repeat: Repeat = lambda settings, arguments: False,
    target: str = "",
    secret: Iterable[str] = (),
) -> Callable[[Function], Action]:
    """Declare an action. Its name is the module's and the function's (`calendar.book`) unless given; the
    first parameter is the Context. A docstring line like `day: when` describes the parameter."""

    def declare(function: Function) -> Action:
        hints = typing.get_type_hints(function)
        described = inspect.getdoc(function) or ""
        if not described:
            raise TypeError(f"{function.__name__} needs a docstring: it is what people read about it")
        parameters = {}
        free = False
        for each in list(inspect.signature(function).parameters.values())[1:]:
            if each.kind is inspect.Parameter.VAR_KEYWORD:
                free = True
                continue
            told = re.search(rf"^{each.name}: (.+)$", described, re.MULTILINE)
            parameters[each.name] = parameter(
                each.name, hints[each.name], each.default, told[1] if told else ""
            )
        named = name or f"{function.__module__.split('.')[-1]}.{function.__name__}"
        made = Action(
            named, function, described.split("\n\n")[0].replace("\n", " "), parameters, free, permit, timeout,
            limit, confirm, outside, repeat, target, frozenset(secret),
        )  # fmt: skip
        REGISTRY[named] = made
        return made

    return declare


FREE = parameter("text", str, "", "")
