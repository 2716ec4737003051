"""Going on with what was begun in another conversation:

[actions.case]
hours = 24      # for which a case can be gone on with
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from appliance.actions.registry import Context, Refusal, action
from appliance.memory.cases import HOURS, find
from appliance.memory.store import stamp

GUESSES = 10
"""Numbers in an hour that may be wrong, from all callers together: a case number is short."""


@action("case.find", permit="anyone", limit=(3, 900), confirm=False)
def look_up(context: Context, case: str) -> Mapping[str, Any]:
    """Find a case by the number that was told for it.

    case: its number
    """
    rows = context.db.execute(
        """select count(*) from event where kind = 'outcome' and at > ?
            and json_extract(data, '$.action') = 'case.find' and json_extract(data, '$.why') = 'none'""",
        stamp(context.now - timedelta(hours=1)),
    )
    if int(rows[0][0]) >= GUESSES:
        raise Refusal("locked")
    number = "".join(c for c in case if c in "0123456789")
    found = find(context.db, number, context.now, float(context.settings.get("hours", HOURS)))
    if found is None:
        raise Refusal("none")
    return {"found": found}
