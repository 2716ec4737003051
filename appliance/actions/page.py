"""The code by which the first account of the page is made, told to who stands before the box."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from appliance.actions.registry import Context, Refusal, action

CODE: list[Callable[[], str]] = []
"""What tells it, "1234 5678", or nothing where there is an admin already. Filled where the desk is composed;
empty where no page is open to others."""


@action("page.code", permit="anyone", limit=(10, 600), confirm=False, secret=["code"])
def code(context: Context) -> Mapping[str, Any]:
    """Tell the code by which the first account of the page is made: at the kiosk, and nowhere else."""
    if _channel(context) != "kiosk":
        raise Refusal("elsewhere")
    found = CODE[0]() if CODE else ""
    if not found:
        raise Refusal("none")
    return {"code": slowly(found)}


def slowly(code: str) -> str:
    """Digit by digit, with a pause after each, and a longer one between groups."""
    return ". ".join(", ".join(group) for group in code.split())


def _channel(context: Context) -> str:
    rows = context.db.execute(
        """select json_extract(data, '$.channel') from event where conversation = ? and kind = 'began'
            order by id limit 1""",
        context.conversation,
    )
    return str(rows[0][0] or "") if rows else ""
