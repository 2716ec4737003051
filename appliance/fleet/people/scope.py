"""Which boxes somebody may see: those of some groups of sites, or all. A site that no group has is seen by
those who see all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from appliance.errors import ApplianceError
from appliance.fleet.keeping.store import Store
from appliance.fleet.people import audit


class Missing(ApplianceError):
    """What is asked for is not there, or not for whoever asks."""


GROUP = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Scope:
    groups: frozenset[str] | None = None
    """None: all there is."""

    def __post_init__(self) -> None:
        for group in self.groups or ():
            check(group)

    @property
    def sql(self) -> str:
        """What stands behind a `where` over `box`, or over what has a `site`; names of groups are harmless
        in it."""
        return (
            f"site in (select site.name from site where {self.sites})" if self.groups is not None else "1 = 1"
        )

    @property
    def sites(self) -> str:
        """The same, over the table `site`."""
        if self.groups is None:
            return "1 = 1"
        names = ", ".join(f"'{group}'" for group in sorted(self.groups))
        return f"grp in ({names or 'null'})"

    def has(self, store: Store, box: str) -> bool:
        """Whether a box by this name is there to be seen."""
        return bool(store.read(f"select 1 from box where name = ? and {self.sql}", box))


ALL = Scope()


def check(group: str) -> None:
    if not GROUP.fullmatch(group):
        raise ApplianceError(f"{group!r} is no name of a group", "small letters, digits and hyphens: north")


def assign(store: Store, sites: Iterable[str], group: str, who: str = audit.ITSELF) -> None:
    """Let a group have sites, and no other group have them; no group does where it is empty."""
    if group:
        check(group)
    with store.write() as db:
        for site in sites:
            had = db.execute("select grp from site where name = ?", (site,)).fetchone()
            db.execute("delete from site where name = ?", (site,))
            if group:
                db.execute("insert into site (name, grp) values (?, ?)", (site, group))
            before = had[0] if had else ""
            audit.record(db, store.now(), who, "site.assigned", site, before=before, after=group)


def sites(store: Store, scope: Scope = ALL) -> list[tuple[str, str, int]]:
    """Each site, its group, and how many boxes stand there."""
    return [
        (site, group or "", boxes)
        for site, group, boxes in store.read(
            f"""select box.site, (select grp from site where name = box.site), count(*) from box
                where state = 'member' and {scope.sql} group by box.site order by box.site"""
        )
    ]
