"""What a page is asked about who may what: entering and leaving, one's own account, and everybody's. The same
for each house; `routes()` is all that it mounts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from appliance.access import second
from appliance.access.accounts import Account, Scope
from appliance.access.asking import Answer, house, problem, refused, text, told, who
from appliance.access.doorman import cookie
from appliance.access.sessions import LONGEST
from appliance.access.tokens import Token
from appliance.access.who import Who
from appliance.errors import ApplianceError

STATIC = Path(__file__).parent / "static"


def routes() -> list[BaseRoute]:
    return [
        Route("/access/me", _me),
        Route("/access/code", _code),
        _route("enter", _enter),
        _route("pair", _pair),
        _route("leave", _leave),
        _own("password", _proven(_password)),
        _own("second/propose", _proven(_propose)),
        _own("second/confirm", _confirm),
        _own("second/drop", _proven(_drop)),
        _own("tokens/list", _tokens),
        _own("tokens/make", _proven(_make_token)),
        _own("tokens/remove", _remove_token),
        _admin("accounts/list", _accounts),
        _admin("accounts/add", _proven(_add)),
        _admin("accounts/change", _proven(_change)),
        _admin("accounts/password", _proven(_new_password)),
        _admin("accounts/second", _proven(_without_second)),
        _admin("accounts/remove", _remove),
        Mount("/access", StaticFiles(directory=STATIC, html=True)),
    ]


def _route(name: str, answer: Answer) -> Route:
    return Route(f"/access/{name}", told(answer), methods=["POST"])


def _own(name: str, answer: Answer) -> Route:
    """For who has entered; a token changes nobody's rights."""

    async def asked(request: Request, sent: dict[str, Any]) -> dict[str, Any] | Response:
        found = who(request)
        if found is None or found.by != "session":
            return problem(401, "You have not entered", "Enter with your name and password")
        return await answer(request, sent)

    return _route(name, asked)


def _admin(name: str, answer: Answer) -> Route:
    """For who may everything within his scope."""

    async def asked(request: Request, sent: dict[str, Any]) -> dict[str, Any] | Response:
        return refused(request, house(request).roles[-1]) or await answer(request, sent)

    return _own(name, asked)


def _proven(answer: Answer) -> Answer:
    """What outlasts the session is done for who proves that it is his: a browser that was left open, or a
    cookie that was stolen, makes no way in that stays."""

    async def asked(request: Request, sent: dict[str, Any]) -> dict[str, Any] | Response:
        await house(request).prove(
            _address(request), _me_of(request).name, text(sent, "password"), str(sent.get("code", ""))
        )
        return await answer(request, sent)

    return asked


async def _me(request: Request) -> Response:
    found, at = who(request), house(request)
    account = await asyncio.to_thread(at.accounts.one, found.name) if found else None
    return JSONResponse(
        {
            "name": found.name if found else "",
            "role": found.role if found else "",
            "by": found.by if found else "",
            "scope": _listed(found.scope) if found else None,
            "second": bool(account and account.second),
            "claimed": await asyncio.to_thread(at.accounts.claimed),
            "roles": at.roles,
        }
    )


async def _code(request: Request) -> Response:
    """The code by which the first admin is made: for who may everything by where he is."""
    found, at = who(request), house(request)
    if not found or found.by != "place" or not found.may(at.roles[-1]):
        return problem(403, "The code is shown at the machine itself", "Look there")
    return JSONResponse({"code": at.pairing.code(), "left": round(at.pairing.left)})


async def _enter(request: Request, sent: dict[str, Any]) -> Response:
    id = await house(request).enter(
        _address(request), text(sent, "name"), text(sent, "password"), str(sent.get("code", ""))
    )
    # Whoever comes in anew does not leave the door open behind him.
    await _end(request)
    return _entered(request, id)


async def _pair(request: Request, sent: dict[str, Any]) -> Response:
    code, name, password = (text(sent, key) for key in ("code", "name", "password"))
    return _entered(request, await house(request).pair(_address(request), code, name, password))


async def _leave(request: Request, sent: dict[str, Any]) -> Response:
    await _end(request)
    name, response = cookie(house(request), request.scope["secure"]), JSONResponse({})
    response.delete_cookie(name, path="/", secure=request.scope["secure"], httponly=True, samesite="strict")
    return response


async def _password(request: Request, sent: dict[str, Any]) -> Response:
    """Another password; whoever else is in by the old one is out."""
    me, at, new = _me_of(request), house(request), text(sent, "new")
    await asyncio.to_thread(at.accounts.set_password, me.name, new)
    return _entered(request, await asyncio.to_thread(at.sessions.open, me.name))


async def _propose(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    me, at = _me_of(request), house(request)
    secret = await asyncio.to_thread(at.accounts.propose_second, me.name)
    return {"secret": secret, "address": second.address(secret, me.name, at.name)}


async def _confirm(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    me, at = _me_of(request), house(request)
    at.attempts.guess(_address(request), me.name)
    await asyncio.to_thread(at.accounts.confirm_second, me.name, text(sent, "code"))
    at.attempts.right(_address(request), me.name)
    return {}


async def _drop(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    await asyncio.to_thread(house(request).accounts.drop_second, _me_of(request).name)
    return {}


async def _tokens(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    found = await asyncio.to_thread(house(request).tokens.all, _me_of(request).name)
    return {"tokens": [_shown(token) for token in found]}


async def _make_token(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    me, scope = _me_of(request), _scope(sent)
    if scope is None:
        scope = me.scope
    _must_lie_within(me, scope)
    made = await asyncio.to_thread(
        house(request).tokens.make,
        me.name,
        text(sent, "label"),
        text(sent, "role"),
        float(sent["days"]),
        scope,
    )
    return {"token": made}


async def _remove_token(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    await asyncio.to_thread(house(request).tokens.remove, int(sent["id"]), _me_of(request).name)
    return {}


async def _accounts(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    me, found = _me_of(request), await asyncio.to_thread(house(request).accounts.all)
    return {"accounts": [_shown(account) for account in found if _lies_within(me, account.scope)]}


async def _add(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    scope = _scope(sent)
    _must_lie_within(_me_of(request), scope)
    name, role, new = (text(sent, key) for key in ("name", "role", "new"))
    await asyncio.to_thread(house(request).accounts.add, name, role, new, scope)
    return {}


async def _change(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    name, scope = await _theirs(request, sent), _scope(sent)
    _must_lie_within(_me_of(request), scope)
    await asyncio.to_thread(house(request).accounts.change, name, text(sent, "role"), scope)
    return {}


async def _new_password(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    name = await _theirs(request, sent)
    await asyncio.to_thread(house(request).accounts.set_password, name, text(sent, "new"))
    return {}


async def _without_second(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    await asyncio.to_thread(house(request).accounts.drop_second, await _theirs(request, sent))
    return {}


async def _remove(request: Request, sent: dict[str, Any]) -> dict[str, Any]:
    await asyncio.to_thread(house(request).accounts.remove, await _theirs(request, sent))
    return {}


async def _end(request: Request) -> None:
    """The session that whoever asks has had until now, if any."""
    if id := request.cookies.get(cookie(house(request), request.scope["secure"])):
        await asyncio.to_thread(house(request).sessions.end, id)


def _me_of(request: Request) -> Who:
    found = who(request)
    assert found
    return found


async def _theirs(request: Request, sent: dict[str, Any]) -> str:
    """The account that is spoken of, where whoever asks may have a say in it."""
    account = await asyncio.to_thread(house(request).accounts.one, text(sent, "name"))
    if account is None or not _lies_within(_me_of(request), account.scope):
        raise ApplianceError("there is no such account", "look at the list of accounts")
    return account.name


def _lies_within(me: Who, scope: Scope | None) -> bool:
    return me.scope is None or (scope is not None and scope <= me.scope)


def _must_lie_within(me: Who, scope: Scope | None) -> None:
    if not _lies_within(me, scope):
        raise ApplianceError("that is beyond your own groups", f"yours: {', '.join(sorted(me.scope or ()))}")


def _scope(sent: dict[str, Any]) -> Scope | None:
    scope = sent.get("scope")
    if scope is None:
        return None
    if not isinstance(scope, list) or len(scope) > 1000:
        raise TypeError
    return frozenset(text({"group": each}, "group") for each in scope)


def _shown(record: Account | Token) -> dict[str, Any]:
    return {**asdict(record), "scope": _listed(record.scope)}


def _listed(scope: Iterable[str] | None) -> list[str] | None:
    return None if scope is None else sorted(scope)


def _entered(request: Request, id: str) -> Response:
    response = JSONResponse({})
    secure = request.scope["secure"]
    response.set_cookie(
        cookie(house(request), secure),
        id,
        int(LONGEST),
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    return response


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
