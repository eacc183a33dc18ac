"""The remote control of tests and demos: JSON over HTTP under /simulator.

Each request is answered with 204, or with 200 and what was asked for; 400 with an error where the body is wrong.
"""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vcenter_simulator.alarms import STATUSES
from vcenter_simulator.control.faults import FAULTS
from vcenter_simulator.control.options import Options
from vcenter_simulator.event_manager import EventCollector
from vcenter_simulator.vcenter import Vcenter


def routes(vcenter: Vcenter) -> list[BaseRoute]:
    """List the routes to mount."""
    control = _Control(vcenter)
    return [
        Route("/simulator/faults", control.inject_fault, methods=["POST"]),
        Route("/simulator/faults", control.clear_faults, methods=["DELETE"]),
        Route("/simulator/events", control.list_events, methods=["GET"]),
        Route("/simulator/events", control.post_events, methods=["POST"]),
        Route("/simulator/alarms", control.set_alarm, methods=["POST"]),
        Route("/simulator/state", control.show_state, methods=["GET"]),
    ]


class _Control:
    """The handlers of the requests to one vCenter."""

    def __init__(self, vcenter: Vcenter) -> None:
        self._vcenter = vcenter

    async def inject_fault(self, request: Request) -> Response:
        """Let something go wrong, now or with the next requests."""
        return await self._run(request, self._inject)

    def _inject(self, options: Options) -> None:
        name = options.text("fault")
        if name not in FAULTS:
            raise ValueError(f"fault must be one of {', '.join(FAULTS)}")
        FAULTS[name](self._vcenter, options)

    async def clear_faults(self, _request: Request) -> Response:
        """Let nothing go wrong any more."""
        self._vcenter.faults.clear()
        return Response(status_code=204)

    async def list_events(self, _request: Request) -> Response:
        """Answer with every event there is, also those that no reader can see, in the order of posting."""
        return JSONResponse(list_events(self._vcenter))

    async def post_events(self, request: Request) -> Response:
        """Post ``count`` mixed events, of four ``kinds`` or of some 20."""
        return await self._run(request, self._post)

    def _post(self, options: Options) -> None:
        kinds = options.integer("kinds", 4, 4, 20)
        self._vcenter.load.post(options.integer("count", 1), is_rich=kinds > 4)  # noqa: PLR2004  as documented

    async def set_alarm(self, request: Request) -> Response:
        """Give an alarm a status for an object, as a measurement would."""
        return await self._run(request, self._set_alarm)

    def _set_alarm(self, options: Options) -> None:
        alarm = self._vcenter.alarms.find(options.text("alarm"))
        entity = self._vcenter.inventory.objects.get(options.text("object"))
        status = options.text("status")
        if alarm is None:
            names = ", ".join(each.spec.name for each in self._vcenter.alarms.all())
            raise ValueError(f"alarm must be one of {names}")
        if entity is None:
            raise ValueError("object must be the id of an object, such as vm-15")
        if status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}")
        self._vcenter.alarms.set_status(alarm, entity, status)

    async def show_state(self, _request: Request) -> Response:
        """Answer with the counters."""
        return JSONResponse(count(self._vcenter))

    async def _run(self, request: Request, action: Callable[[Options], None]) -> Response:
        try:
            action(Options(json.loads(await request.body() or b"null")))
        except ValueError as exc:
            return JSONResponse({"error": str(exc)}, 400)
        self._vcenter.changes.note()
        return Response(status_code=204)


def count(vcenter: Vcenter) -> dict[str, Any]:
    """Count what is there now, and the calls so far by method name."""
    return {
        "events": len(vcenter.events.history),
        "sessions": len(vcenter.sessions),
        "collectors": sum(len(session.of_kind(EventCollector)) for session in vcenter.sessions),
        "faults": len(vcenter.faults.pending),
        "refusedLogins": vcenter.accounts.refused_logins,
        "requests": dict(vcenter.requests),
        "wires": dict(vcenter.wires),
    }


def list_events(vcenter: Vcenter) -> list[dict[str, Any]]:
    """List what identifies each event, in the order of posting."""
    history = vcenter.events.history
    return [
        {
            "key": record.key,
            "createdTime": record.created.isoformat(),
            "class": record.body.class_name,
            "hidden": record.hidden,
        }
        for record in history.after(history.first)
    ]
