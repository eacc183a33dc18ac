"""Trouble on request: a Broker that is away for some seconds, or refuses the next events for good."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


@dataclass(slots=True)
class Trouble:
    """What goes wrong at the ingress now. ``clock`` returns seconds and never goes back."""

    clock: Callable[[], float] = time.monotonic
    away_until: float = 0.0
    to_refuse: int = 0

    def answer(self) -> Response | None:
        """Return the answer of an ingress that does not work; None where it works."""
        if self.clock() < self.away_until:
            return PlainTextResponse("the Broker restarts\n", status_code=503)
        if self.to_refuse > 0:
            self.to_refuse -= 1
            return PlainTextResponse("the Broker does not want this event\n", status_code=422)
        return None

    async def begin(self, request: Request) -> Response:
        """Begin as the body says: ``{"seconds": 6}`` is how long to be away, ``{"refuse": 1}`` how many to refuse."""
        try:
            body = json.loads(await request.body())
            self.away_until = max(self.away_until, self.clock() + float(body.get("seconds", 0)))
            self.to_refuse += int(body.get("refuse", 0))
        except (ValueError, TypeError, AttributeError):
            wanted = '{"seconds": 6} or {"refuse": 1}\n'
            return PlainTextResponse(f"the body must be JSON: {wanted}", status_code=400)
        return Response(status_code=204)
