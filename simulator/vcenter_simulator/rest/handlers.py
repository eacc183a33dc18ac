"""What the handlers of REST requests share: their type, errors as answers, bodies."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from vcenter_simulator.rest.dialect import Dialect
from vcenter_simulator.tagging import TaggingError

Handler = Callable[[Request], Awaitable[Response]]
Endpoint = tuple[str, Handler, list[str]]
"""A path, its handler, and the methods that it has."""


def answer_errors(handler: Handler, dialect: Dialect) -> Handler:
    """Wrap a handler: an error is answered as the dialect writes it."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except TaggingError as error:
            return dialect.error(error)

    return answer


async def read_body(request: Request) -> dict[str, Any]:
    """Read the JSON object in the body. Raises TaggingError (invalid_argument)."""
    try:
        body = json.loads(await request.body() or b"null")
    except ValueError:
        body = "not JSON"
    if not isinstance(body, dict | None):
        raise TaggingError.invalid("The body must be a JSON object")
    return body or {}  # govmomi sends ``null`` where an operation takes no body
