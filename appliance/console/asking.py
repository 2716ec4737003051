"""What a browser may ask of the box as its manager: JSON in, JSON out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from appliance.access.asking import needs, problem, read, who
from appliance.errors import ApplianceError, ConfigError

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | Response]]


def route(path: str, answer: Answer) -> Route:
    """For the manager only. Who has entered does not say himself by whom something is: `by`."""

    async def asked(request: Request) -> Response:
        try:
            sent, known = await read(request), who(request)
            if known and known.name:
                sent["by"] = known.name
            answered = await answer(sent)
            return answered if isinstance(answered, Response) else JSONResponse(answered)
        except ConfigError as error:
            return problem(422, error.wrong, error.mend, line=error.line)
        except ApplianceError as error:
            return problem(503, error.wrong, error.mend)
        except (LookupError, OverflowError, TypeError, ValueError):
            return problem(400, "That was not understood", "Load the page anew")

    return Route(path, needs("manager", asked), methods=["POST"])
