"""The remote control of tests and demos: JSON over HTTP under /simulator."""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vcenter_simulator.accounts import Lockout
from vcenter_simulator.event_manager import EventCollector
from vcenter_simulator.faults import Fault
from vcenter_simulator.history import Body
from vcenter_simulator.vcenter import Vcenter

_MOST_EVENTS = 1_000_000
_LARGEST = 100_000_000
# A class, a property and an enum value that no client has types for.
_UNKNOWN = Body(
    "VmQuantumEntangledEvent",
    "<userName>administrator@vsphere.local</userName>"
    '<datacenter><name>DC0</name><datacenter type="Datacenter">datacenter-2</datacenter></datacenter>'
    '<vm><name>web-1</name><vm type="VirtualMachine">vm-15</vm></vm>'
    "<fullFormattedMessage>web-1 on esx-1 in DC0 is entangled</fullFormattedMessage><template>false</template>"
    '<entanglement xsi:type="QuantumEntanglementInfo"><qubits>2</qubits><peer type="VirtualMachine">vm-16</peer>'
    "</entanglement><spin>strange</spin>"
    '<powerState xsi:type="VirtualMachinePowerState">superposed</powerState>',
    names=frozenset({"VmQuantumEntangledEvent"}),
    kinds=frozenset({"VmQuantumEntangledEvent", "VmEvent", "Event"}),
    user="administrator@vsphere.local",
    about="vm-15",
    within=frozenset({"datacenter-2", "group-v3", "group-d1"}),
)


class _Options:
    """The fields of a JSON body, each checked when it is asked for. Raises ValueError with what is wrong."""

    def __init__(self, body: Any) -> None:
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")  # noqa: TRY004  a wrong value, whatever its type
        self._body = body

    def integer(self, name: str, default: int | None = None, least: int = 1, most: int = _MOST_EVENTS) -> int:
        value = self._body.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{name} must be a whole number from {least} to {most}")
        return value

    def number(self, name: str) -> float:
        value = self._body.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{name} must be a number")  # noqa: TRY004  as above
        return float(value)

    def seconds(self) -> float:
        value = self.number("seconds")
        if value < 0:
            raise ValueError("seconds must be a number, 0 or more")
        return value

    def text(self, name: str, default: str = "") -> str:
        value = self._body.get(name, default)
        if not isinstance(value, str):
            raise ValueError(f"{name} must be a string")  # noqa: TRY004  as above
        return value


def _expire_sessions(vcenter: Vcenter, _options: _Options) -> None:
    vcenter.sessions.close_all()


def _drop(vcenter: Vcenter, options: _Options) -> None:
    vcenter.faults.pending.append(Fault("drop", options.integer("count", 1), options.text("path", "/")))


def _status(vcenter: Vcenter, options: _Options) -> None:
    status = options.integer("status", 503, 400, 599)
    fault = Fault("status", options.integer("count", 1), options.text("path", "/"), status=status)
    vcenter.faults.pending.append(fault)


def _delay(vcenter: Vcenter, options: _Options) -> None:
    fault = Fault("delay", options.integer("count", 1), options.text("path", "/"), seconds=options.seconds())
    vcenter.faults.pending.append(fault)


def _cut(vcenter: Vcenter, options: _Options) -> None:
    vcenter.faults.cut(options.seconds())


def _lose_answers(vcenter: Vcenter, options: _Options) -> None:
    fault = Fault("lose", options.integer("count", 1), method=options.text("method"))
    vcenter.faults.pending.append(fault)


def _trickle(vcenter: Vcenter, options: _Options) -> None:
    fault = Fault("trickle", options.integer("count", 1), seconds=options.seconds(), method=options.text("method"))
    vcenter.faults.pending.append(fault)


def _slow_pages(vcenter: Vcenter, options: _Options) -> None:
    vcenter.faults.per_event = options.seconds()


def _late_cookies(vcenter: Vcenter, _options: _Options) -> None:
    vcenter.faults.late_cookies = True


def _be_host(vcenter: Vcenter, _options: _Options) -> None:
    vcenter.is_host = True


def _refuse_logins(vcenter: Vcenter, options: _Options) -> None:
    vcenter.accounts.refuse(options.integer("count", 1))


def _lock_out(vcenter: Vcenter, options: _Options) -> None:
    vcenter.accounts.lockout = Lockout(options.integer("failures", 5), options.seconds())


def _large_events(vcenter: Vcenter, options: _Options) -> None:
    vcenter.load.post_large(options.integer("count", 1), options.integer("bytes", most=_LARGEST))


def _unknown_class(vcenter: Vcenter, _options: _Options) -> None:
    vcenter.events.post_body(_UNKNOWN)


def _hide_events(vcenter: Vcenter, options: _Options) -> None:
    vcenter.load.post(options.integer("count"), hidden=True)


def _late_events(vcenter: Vcenter, options: _Options) -> None:
    vcenter.load.post(options.integer("count", 1), late=options.seconds())


def _rewind_keys(vcenter: Vcenter, options: _Options) -> None:
    vcenter.events.history.rewind_keys(options.integer("to", None, -(2**31), 2**31 - 1))


def _step_clock(vcenter: Vcenter, options: _Options) -> None:
    vcenter.events.history.step_clock(options.number("seconds"))


def _destroy_collectors(vcenter: Vcenter, _options: _Options) -> None:
    for session in vcenter.sessions:
        for collector in session.of_kind(EventCollector):
            del session.objects[collector.moid]


def _purge(vcenter: Vcenter, options: _Options) -> None:
    vcenter.events.history.purge(options.integer("keep", least=0))


_FAULTS: dict[str, Callable[[Vcenter, _Options], None]] = {
    "expire-sessions": _expire_sessions,
    "drop-connections": _drop,
    "status": _status,
    "delay": _delay,
    "cut-connections": _cut,
    "lose-answers": _lose_answers,
    "trickle": _trickle,
    "slow-pages": _slow_pages,
    "large-events": _large_events,
    "refuse-logins": _refuse_logins,
    "late-cookies": _late_cookies,
    "esxi-host": _be_host,
    "lock-out": _lock_out,
    "unknown-class": _unknown_class,
    "hide-events": _hide_events,
    "late-events": _late_events,
    "rewind-keys": _rewind_keys,
    "step-clock": _step_clock,
    "destroy-collectors": _destroy_collectors,
    "purge": _purge,
}


def state(vcenter: Vcenter) -> dict[str, Any]:
    """The counters: what is there now, and the calls so far by method name."""
    return {
        "events": len(vcenter.events.history),
        "sessions": len(vcenter.sessions),
        "collectors": sum(len(session.of_kind(EventCollector)) for session in vcenter.sessions),
        "faults": len(vcenter.faults.pending),
        "refusedLogins": vcenter.accounts.refused,
        "requests": dict(vcenter.requests),
    }


def held(vcenter: Vcenter) -> list[dict[str, Any]]:
    """Every event there is, also those that no reader can see, in the order of posting."""
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


def routes(vcenter: Vcenter) -> list[BaseRoute]:
    """What to mount. Each answers 204 (or 200 with what was asked for), and 400 with an error where the body is wrong.

    A GET of the events tells what a reader of them should have come by.
    """

    async def controlled(request: Request, action: Callable[[_Options], None]) -> Response:
        try:
            action(_Options(json.loads(await request.body() or b"null")))
        except ValueError as exc:
            return JSONResponse({"error": str(exc)}, 400)
        vcenter.changes.note()
        return Response(status_code=204)

    def inject(options: _Options) -> None:
        name = options.text("fault")
        if name not in _FAULTS:
            raise ValueError(f"fault must be one of {', '.join(_FAULTS)}")
        _FAULTS[name](vcenter, options)

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            return await controlled(request, inject)
        vcenter.faults.clear()
        return Response(status_code=204)

    async def events(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(held(vcenter))
        return await controlled(request, lambda options: vcenter.load.post(options.integer("count", 1)))

    async def counters(_request: Request) -> Response:
        return JSONResponse(state(vcenter))

    return [
        Route("/simulator/faults", faults, methods=["POST", "DELETE"]),
        Route("/simulator/events", events, methods=["GET", "POST"]),
        Route("/simulator/state", counters, methods=["GET"]),
    ]
