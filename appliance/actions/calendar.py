"""Appointments in the box's own calendar."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from appliance.actions.registry import Context, Refusal, action
from appliance.memory.calendar import Appointment, Calendar, Opening, Unbookable


@action(permit="anyone", limit=(60, 3600), confirm=False)
def free(context: Context, day: date) -> Mapping[str, Any]:
    """When an appointment can be had on a day.

    day: the day asked for
    """
    try:
        starts = _calendar(context).free(day)
    except Unbookable as error:
        raise Refusal(error.why) from error
    return {"day": day.isoformat(), "times": [f"{start:%H:%M}" for start in starts]}


@action("calendar.open", permit="anyone", limit=(60, 3600), confirm=False)
def open_day(context: Context, day: date, time: time | None = None) -> Mapping[str, Any]:
    """Whether an appointment can be had on a day, and at a time if one is given.

    day: the day asked for
    time: the time asked for
    """
    calendar = _calendar(context)
    try:
        starts = calendar.free(day)
        if time is not None:
            calendar.check(datetime.combine(day, time))
    except Unbookable as error:
        raise Refusal(error.why) from error
    return {"day": day.isoformat(), "left": len(starts)}


@action(limit=(5, 3600))
def book(context: Context, day: date, time: time, name: str, phone: str = "") -> Mapping[str, Any]:
    """Book an appointment.

    day: the day of it
    time: when it begins
    name: whom it is for
    phone: the number to call when something changes
    """
    if not name:
        raise Refusal("nameless")
    try:
        booked = _calendar(context).book(datetime.combine(day, time), name, phone, context.conversation)
    except Unbookable as error:
        raise Refusal(error.why) from error
    return _told(booked)


@book.undo
def unbook(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    return _cancelled(context, result["reference"])


@action(limit=(5, 3600))
def cancel(context: Context, reference: str) -> Mapping[str, Any]:
    """Cancel an appointment.

    reference: the number that was told when it was booked
    """
    return _cancelled(context, _digits(reference))


@cancel.undo
def restore(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    calendar = _calendar(context)
    start = datetime.fromisoformat(f"{result['day']}T{result['time']}")
    try:
        calendar.check(start)
        return _told(calendar.place(result["reference"], start, datetime.fromisoformat(result["end"])))
    except Unbookable as error:
        raise Refusal(error.why) from error


@action(limit=(5, 3600))
def move(context: Context, reference: str, day: date, time: time) -> Mapping[str, Any]:
    """Move an appointment to another time; the old one is kept where the new one cannot be had.

    reference: the number that was told when it was booked
    day: the new day
    time: the new time
    """
    calendar = _calendar(context)
    try:
        before = calendar.find(_digits(reference))
        after = calendar.move(before.reference, datetime.combine(day, time))
    except Unbookable as error:
        raise Refusal(error.why) from error
    return {**_told(after), "before": before.start.isoformat(timespec="minutes")}


@move.undo
def move_back(context: Context, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return _told(_calendar(context).move(result["reference"], datetime.fromisoformat(result["before"])))
    except Unbookable as error:
        raise Refusal(error.why) from error


@action(permit="verified", limit=(20, 3600), confirm=False)
def mine(context: Context) -> Mapping[str, Any]:
    """The appointments to come that the caller made, in whichever conversation."""
    booked = _calendar(context).of(context.caller.person) if context.caller.person else []
    if not booked:
        raise Refusal("none")
    return {"appointments": [_told(each) for each in booked]}


def _cancelled(context: Context, reference: str) -> Mapping[str, Any]:
    try:
        return _told(_calendar(context).cancel(reference))
    except Unbookable as error:
        raise Refusal(error.why) from error


def _calendar(context: Context) -> Calendar:
    return Calendar(context.db, Opening.read(context.settings), context.now)


def _told(booked: Appointment) -> dict[str, Any]:
    return {
        "reference": booked.reference, "day": booked.start.date().isoformat(),
        "time": f"{booked.start:%H:%M}", "end": booked.end.isoformat(timespec="minutes"),
    }  # fmt: skip


def _digits(reference: str) -> str:
    return "".join(c for c in reference if c in "0123456789")
