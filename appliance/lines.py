"""The fixed lines of every conversation, as they are where the desk file does not say otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lines:
    """The fixed lines of every conversation."""

    greeting: str = "Hello, how can I help you?"
    greeting_closed: str = ""
    """Said instead while the desk is closed, by [hours]."""
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
    use: str = "Shall I use {value}?"
    """Offers what is known before it is asked for."""
    change: str = "What should I change?"
    finished: str = "All right, that is all I need. Is there anything else?"
    """At the end of a flow that does nothing and says nothing else."""
    refused: str = "I am sorry, {value} is not possible."
    cancelled: str = "All right, I have left that. Is there anything else?"
    language: str = "I am sorry, I only speak English."
    person: str = "I cannot put you through from here. Shall I take a message?"
    remember: str = "Shall I remember that for next time?"
    remembered: str = "Good, I will remember that. Is there anything else?"
    resume: str = "Last time we did not finish {what}. Shall we go on with it?"
    case: str = "To go on later, call again or come back, and say: my case number is {number}."
    """What was begun can be finished by whatever channel."""
    undo: str = "I take back what I did last: {what}. Shall I?"
    undone: str = "That is undone. Is there anything else?"
    not_undone: str = "I am sorry, I cannot undo that. Is there anything else?"
    recalled: str = "On {day}: {what}. Is there anything else?"
    not_recalled: str = "I find nothing about that. Is there anything else?"
    stranger: str = "I tell that only to those I know. If you have a code, say: I have a code."
