"""What the REST API does, each deed once: see api.py."""

from __future__ import annotations

from typing import Any

from appliance.fleet.alerts import alerts, attention, notices, rules
from appliance.fleet.line import dispatch
from appliance.fleet.membership import members
from appliance.fleet.page import lists, views
from appliance.fleet.page.api import (
    NUMBER,
    OBJECT,
    PAGED,
    PROOF,
    STRING,
    TRUTH,
    Asked,
    Forbidden,
    Operation,
    Room,
    page_of,
    record,
    shown,
    text,
)
from appliance.fleet.page.curves import CURVES
from appliance.fleet.page.rollouts import ROLLING, TOML
from appliance.fleet.people import audit, scope
from appliance.fleet.people.audit import Entry
from appliance.fleet.people.scope import Missing
from appliance.fleet.rollouts import bundles

STRINGS = {"type": "array", "items": STRING}

NAME = text(63, 1, r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
GROUP = text(32, 0, r"^([a-z0-9][a-z0-9-]*)?$")

BOX = shown(name=STRING, site=STRING, online=TRUTH, seen=NUMBER, version=STRING, desk=STRING, wanted=STRING)
CALL = shown(box=STRING, at=NUMBER, call=STRING, channel=STRING, outcome=STRING, seconds={"type": "number"})
COMMAND = shown(id=STRING, box=STRING, do=STRING, at=NUMBER, state=STRING, result=STRING)
FAULT = shown(box=STRING, site=STRING, cause=STRING, since=NUMBER, why=STRING)
EVENT = shown(at=NUMBER, kind=STRING)
QUESTION = shown(box=STRING, site=STRING, at=NUMBER)
DESIRED = shown(serial=NUMBER, at=NUMBER, digest=STRING)
ALERT = shown(id=STRING, rule=STRING, cause=STRING, site=STRING, severity=STRING, since=NUMBER, boxes=NUMBER)
RULE = shown(name=STRING, kind=STRING, fires={"type": "number"}, clears={"type": "number"}, enabled=TRUTH)
SILENCE = shown(id=STRING, rule=STRING, site=STRING, until=NUMBER, who=STRING, note=STRING)
ROUTE = shown(name=STRING, kind=STRING, target=STRING, groups={"type": ["array", "null"]}, enabled=TRUTH)
SITE = shown(site=STRING, group=STRING, boxes=NUMBER)
CHANGE = shown(number=NUMBER, utc=STRING, who=STRING, what=STRING, about=STRING, hash=STRING)
ACCOUNT = shown(name=STRING, role=STRING, groups={"type": ["array", "null"]}, second=TRUTH)


def _must_see(room: Room, asked: Asked, box: str | None = None) -> str:
    name = asked.path["box"] if box is None else box
    if not asked.scope.has(room.store, name):
        raise Missing(f"there is no box {name!r}")
    return name


def _state(room: Room, asked: Asked) -> Any:
    return views.overview(room.store, asked.scope)


def _boxes(room: Room, asked: Asked) -> Any:
    return asked.paged(lists.boxes(room.store, asked.scope, *asked.window, asked.query["site"]))


def _box(room: Room, asked: Asked) -> Any:
    return views.box(room.store, _must_see(room, asked))


def _revoke(room: Room, asked: Asked) -> None:
    members.revoke(room.store, _must_see(room, asked), asked.name)


def _told(kind: str) -> Any:
    def answer(room: Room, asked: Asked) -> Any:
        return asked.paged(lists.told(room.store, asked.scope, kind, *asked.window))

    return answer


def _calls_of(room: Room, asked: Asked) -> Any:
    box = _must_see(room, asked)
    return asked.paged(lists.told(room.store, asked.scope, "call", *asked.window, box))


def _happened(room: Room, asked: Asked) -> Any:
    return asked.paged(lists.happened(room.store, asked.scope, _must_see(room, asked), *asked.window))


def _turns(room: Room, asked: Asked) -> Any:
    found = views.turns(room.store, _must_see(room, asked), asked.path["call"])
    if not found:
        raise Missing("there is no such call, or its turns are not kept any more")
    return {"turns": found}


def _log(room: Room, asked: Asked) -> Any:
    found = views.log(room.store, _must_see(room, asked), asked.path["command"], asked.query["after"])
    if not found["lines"] and not asked.query["after"]:
        raise Missing("no log came of such a command, or it is not kept any more")
    return found


def _faults(room: Room, asked: Asked) -> Any:
    return asked.paged(lists.faults(room.store, asked.scope, *asked.window))


def _commands(room: Room, asked: Asked) -> Any:
    return asked.paged(lists.commands(room.store, asked.scope, *asked.window))


def _commands_of(room: Room, asked: Asked) -> Any:
    box = _must_see(room, asked)
    return asked.paged(lists.commands(room.store, asked.scope, *asked.window, box))


def _command(room: Room, asked: Asked) -> Any:
    box = _must_see(room, asked)
    arguments = {"minutes": asked.body["minutes"]} if "minutes" in asked.body else {}
    return {"id": dispatch.ask(room.store, box, asked.body["do"], arguments, asked.name)}


def _desired(room: Room, asked: Asked) -> Any:
    return asked.paged(lists.desired(room.store, _must_see(room, asked), *asked.window))


def _wish(room: Room, asked: Asked) -> Any:
    box = _must_see(room, asked)
    desk = asked.body["desk"]
    serial = bundles.send_desk(room.store, room.authority, room.pieces, box, desk, asked.name)
    return {"serial": serial, "digest": audit.digest(desk)}


def _invite(room: Room, asked: Asked) -> Any:
    site = asked.body.get("site", "")
    if asked.scope.groups is not None and site not in _sites_of(room, asked):
        raise Forbidden("that site is of no group of yours")
    for name in asked.body["names"]:
        if not members.is_free(room.store, name, asked.scope):
            raise Forbidden(f"{name} is a name that is not for your groups")
    codes = members.invite(room.store, room.authority, asked.body["names"], site, asked.name)
    return {"codes": codes}


def _sites_of(room: Room, asked: Asked) -> set[str]:
    return {name for (name,) in room.store.read(f"select name from site where {asked.scope.sites}")}


def _sites(room: Room, asked: Asked) -> Any:
    most, skip = asked.window
    found = scope.sites(room.store, asked.scope)[skip : skip + most]
    return asked.paged([{"site": site, "group": group, "boxes": boxes} for site, group, boxes in found])


def _assign(room: Room, asked: Asked) -> None:
    scope.assign(room.store, asked.body["sites"], asked.body["group"], asked.name)


def _alerts(room: Room, asked: Asked) -> Any:
    most, skip = asked.window
    found = alerts.listed(room.store, asked.scope, most, skip, asked.query["open"])
    return asked.paged([alerts.shown(alert) for alert in found])


def _acknowledge(room: Room, asked: Asked) -> None:
    alerts.acknowledge(room.store, asked.path["alert"], asked.name, asked.body.get("note", ""), asked.scope)


def _acknowledge_cause(room: Room, asked: Asked) -> Any:
    body = {"note": "", **asked.body}
    return {"alerts": attention.acknowledge(room.store, **body, who=asked.name, scope=asked.scope)}


def _rules(room: Room, asked: Asked) -> Any:
    return {"items": [rules.shown(rule) for rule in rules.all_rules(room.store).values()]}


def _change_rule(room: Room, asked: Asked) -> Any:
    return rules.shown(rules.change(room.store, asked.path["rule"], dict(asked.body), asked.name))


def _silences(room: Room, asked: Asked) -> Any:
    return {"items": alerts.silences(room.store, asked.scope)}


def _silence(room: Room, asked: Asked) -> Any:
    body = {"rule": "", "site": "", "note": "", **asked.body}
    if asked.scope.groups is not None and body["site"] not in _sites_of(room, asked):
        raise Forbidden("that site is of no group of yours")
    return {"id": alerts.silence(room.store, **body, who=asked.name)}


def _unsilence(room: Room, asked: Asked) -> None:
    alerts.unsilence(room.store, asked.path["silence"], asked.name, asked.scope)


def _routes(room: Room, asked: Asked) -> Any:
    return {"items": [notices.shown(way) for way in notices.ways(room.store)]}


def _add_route(room: Room, asked: Asked) -> Any:
    way = notices.add(room.store, **asked.body, who=asked.name)
    return {**notices.shown(way), "secret": way.secret}


def _remove_route(room: Room, asked: Asked) -> None:
    notices.remove(room.store, asked.path["route"], asked.name)


def _try_route(room: Room, asked: Asked) -> Any:
    return {"id": notices.try_out(room.store, asked.path["route"], asked.name)}


def _audit(room: Room, asked: Asked) -> Any:
    rows = lists.changes(room.store, *asked.window, asked.query["about"] or "", asked.query["who"] or "")
    return asked.paged([Entry(*row).told() for row in rows])


def _verdict(room: Room, asked: Asked) -> Any:
    found = audit.verify(room.store)
    return {"whole": not found.wrong, "wrong": found.wrong, "rows": found.rows, "head": found.head}


def _accounts(room: Room, asked: Asked) -> Any:
    most, skip = asked.window
    found = [
        {"name": each.name, "role": each.role, "groups": _listed(each.scope), "second": each.second}
        for each in room.accounts()
        if asked.who.scope is None or (each.scope is not None and each.scope <= asked.who.scope)
    ]
    return asked.paged(found[skip : skip + most])


def _listed(groups: Any) -> list[str] | None:
    return None if groups is None else sorted(groups)


NONE: dict[str, Any] = {}
ID = shown(id=STRING)

OPERATIONS = (
    Operation("state", "GET", "/state", "Is everything all right, and if not, what first?", "viewer", _state,
              shown(now=NUMBER, boxes=NUMBER, online=NUMBER, calls=NUMBER, today=OBJECT,
                    attention={"type": "array", "items": OBJECT})),
    Operation("boxes", "GET", "/boxes", "Boxes, by name", "viewer", _boxes, page_of(BOX),
              {**PAGED, "site": text(200)}),
    Operation("box", "GET", "/boxes/{box}", "All that is known of a box", "viewer", _box, BOX),
    Operation("revokeBox", "DELETE", "/boxes/{box}", "Let a box be of the fleet no more", "admin", _revoke,
              NONE, status=204, body=record("", **PROOF), proven=True),
    CURVES,
    Operation("callsOfBox", "GET", "/boxes/{box}/calls", "Its calls, the newest first", "viewer", _calls_of,
              page_of(CALL), PAGED),
    Operation("turns", "GET", "/boxes/{box}/calls/{call}/turns", "What a call was about, turn by turn",
              "viewer", _turns, shown(turns={"type": "array", "items": OBJECT})),
    Operation("commandsOfBox", "GET", "/boxes/{box}/commands", "What it was asked to do", "viewer",
              _commands_of, page_of(COMMAND), PAGED),
    Operation("askBox", "POST", "/boxes/{box}/commands", "Ask it to do something", "operator", _command, ID,
              body=record("do", do={"enum": list(dispatch.DEEDS)},
                          minutes={"type": "integer", "minimum": 1, "maximum": dispatch.STREAMED}),
              status=202),
    Operation("log", "GET", "/boxes/{box}/logs/{command}", "The lines of the log that a command asked for",
              "operator", _log, shown(lines=STRINGS, last=NUMBER, more=TRUTH),
              {"after": {"type": "integer", "minimum": 0, "maximum": 1_000_000, "default": 0}}),
    Operation("timelineOfBox", "GET", "/boxes/{box}/timeline", "Starts, faults, answers; the newest first",
              "viewer", _happened, page_of(EVENT), PAGED),
    Operation("desiredOfBox", "GET", "/boxes/{box}/desired", "Desk files that were sent to it", "viewer",
              _desired, page_of(DESIRED), PAGED),
    Operation("wishForBox", "PUT", "/boxes/{box}/desired", "Sign a desk file and send it", "operator", _wish,
              shown(serial=NUMBER, digest=STRING), body=record("desk", desk=TOML), status=202),
    *ROLLING,
    Operation("invite", "POST", "/invitations", "Claim codes for new boxes; each is shown once", "admin",
              _invite, shown(codes=OBJECT), status=201, proven=True,
              body=record("names", site=text(200), **PROOF,
                          names={"type": "array", "items": NAME, "minItems": 1, "maxItems": 1000})),
    Operation("calls", "GET", "/calls", "Calls of all boxes, the newest first", "viewer", _told("call"),
              page_of(CALL), PAGED),
    Operation("unanswered", "GET", "/unanswered", "Questions that nothing answered", "viewer",
              _told("unanswered"), page_of(QUESTION), PAGED),
    Operation("faults", "GET", "/faults", "What is off now, the oldest first", "viewer", _faults,
              page_of(FAULT), PAGED),
    Operation("commands", "GET", "/commands", "What boxes were asked to do, the newest first", "viewer",
              _commands, page_of(COMMAND), PAGED),
    Operation("sites", "GET", "/sites", "Sites, their groups, and how many boxes stand there", "viewer",
              _sites, page_of(SITE), PAGED),
    Operation("assignSites", "PUT", "/sites", "Let a group have sites; no group, where it is empty", "admin",
              _assign, NONE, status=204, whole=True,
              body=record("sites group", group=GROUP,
                          sites={"type": "array", "items": text(200, 1), "minItems": 1, "maxItems": 1000})),
    Operation("alerts", "GET", "/alerts", "What needs attention, or did; the newest first", "viewer", _alerts,
              page_of(ALERT), {**PAGED, "open": {"type": "boolean", "default": False}}),
    Operation("acknowledge", "POST", "/alerts/{alert}/acknowledgement", "Take it in hand", "operator",
              _acknowledge, NONE, body=record("", note=text(500)), status=204),
    Operation("acknowledgeCause", "POST", "/attention/acknowledgement", "Take all alerts of a cause in hand",
              "operator", _acknowledge_cause, shown(alerts=NUMBER),
              body=record("rule cause", rule=text(32, 1), cause=text(500, 1), note=text(500))),
    Operation("rules", "GET", "/rules", "From where on something needs attention", "viewer", _rules,
              shown(items={"type": "array", "items": RULE})),
    Operation("changeRule", "PATCH", "/rules/{rule}", "Change a rule", "admin", _change_rule, RULE,
              whole=True, body=record(
                  "", fires={"type": "number"}, clears={"type": "number"}, after=NUMBER, calm=NUMBER,
                  severity={"enum": list(rules.SEVERITIES)}, enabled=TRUTH)),
    Operation("silences", "GET", "/silences", "Of what nobody is told now", "viewer", _silences,
              shown(items={"type": "array", "items": SILENCE})),
    Operation("silence", "POST", "/silences", "Let nobody be told of a rule or a site for a while",
              "operator", _silence, ID, status=201,
              body=record("minutes", rule=text(32), site=text(200), note=text(500),
                          minutes={"type": "integer", "minimum": 1, "maximum": 43_200})),
    Operation("unsilence", "DELETE", "/silences/{silence}", "Let everybody be told again", "operator",
              _unsilence, NONE, status=204),
    Operation("routes", "GET", "/routes", "Who is told of alerts", "admin", _routes, whole=True,
              result=shown(items={"type": "array", "items": ROUTE})),
    Operation("addRoute", "POST", "/routes", "Tell somebody; what signs webhooks is shown once", "admin",
              _add_route, ROUTE, status=201, whole=True,
              body=record("name kind target", name=text(32, 1), kind={"enum": list(notices.KINDS)},
                          target=text(500, 1), groups={"type": ["array", "null"], "items": text(32)})),
    Operation("removeRoute", "DELETE", "/routes/{route}", "Tell them no more", "admin", _remove_route, NONE,
              status=204, whole=True),
    Operation("tryRoute", "POST", "/routes/{route}/trial", "Send a word that means nothing", "admin",
              _try_route, ID, status=202, whole=True),
    Operation("audit", "GET", "/audit", "What was changed, and by whom; the newest first", "admin", _audit,
              page_of(CHANGE), {**PAGED, "about": text(200), "who": text(200)}, whole=True),
    Operation("auditVerdict", "GET", "/audit/verdict", "Whether the log of changes is whole", "admin",
              _verdict, shown(whole=TRUTH, wrong=STRING, rows=NUMBER, head=STRING), whole=True),
    Operation("accounts", "GET", "/accounts", "Who may come in", "admin", _accounts, page_of(ACCOUNT), PAGED),
)  # fmt: skip
