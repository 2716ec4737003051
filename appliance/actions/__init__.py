"""What a flow may do in the world. Whatever is imported here is in the registry."""

from appliance.actions import (
    calendar,
    cases,
    contact,
    directory,
    door,
    http,
    lobby,
    messages,
    mqtt,
    page,
    payment,
    people,
)
from appliance.actions.hands import Hands
from appliance.actions.registry import REGISTRY, Action, Context, Refusal, action
from appliance.actions.runner import Doubt, Outcome, Runner

__all__ = [
    "REGISTRY", "Action", "Context", "Doubt", "Hands", "Outcome", "Refusal", "Runner", "action",
    "calendar", "cases", "contact",
    "directory", "door", "http", "lobby", "messages", "mqtt", "page", "payment", "people",
]  # fmt: skip
