"""One exchange over HTTP, whichever wire it speaks: a request is answered, and the answer may meet a fault."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from vcenter_simulator import call
from vcenter_simulator.faults import lose_answer, trickle
from vcenter_simulator.service import Reply, Wire, answer
from vcenter_simulator.vcenter import Vcenter

Parse = Callable[[bytes], call.Request]
"""Reads the body of a request. Raises MalformedError."""


async def exchange(
    vcenter: Vcenter, request: Request, parse: Parse, wire: Wire, token: str | None
) -> tuple[Response, Reply | None]:
    """Answer a call of a method. The reply is None for a client that ended in the middle of its request."""
    address = request.client.host if request.client else ""
    caller = call.Caller(token, address, request.headers.get("user-agent", ""))
    try:
        body = await request.body()
    except ClientDisconnect:  # a client that ends may do so in the middle of a request
        return Response(status_code=HTTPStatus.BAD_REQUEST), None
    reply = await answer(vcenter, lambda: parse(body), wire, caller)
    response = _deliver(vcenter, request, reply, wire.media_type)
    response.headers["cache-control"] = "no-cache"
    return response, reply


def _deliver(vcenter: Vcenter, request: Request, reply: Reply, media_type: str) -> Response:
    fault = vcenter.faults.pop_answer_fault(reply.method)
    if fault is not None and fault.kind == "trickle":
        body = trickle(reply.body, fault.seconds, vcenter.faults)
        return StreamingResponse(body, reply.status, media_type=media_type)
    if fault is not None:
        lose_answer(request.scope)
    return Response(reply.body, reply.status, media_type=media_type if reply.body else None)
