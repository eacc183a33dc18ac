"""The SOAP API over HTTP: calls, the versions that it speaks, and where the service is."""

import uuid
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from vcenter_simulator.faults import lose_answer, trickle
from vcenter_simulator.service import Caller, Reply, answer
from vcenter_simulator.soap import service_description, service_versions
from vcenter_simulator.vcenter import Vcenter

COOKIE = "vmware_soap_session"
_XML = "text/xml; charset=utf-8"


def routes(vcenter: Vcenter) -> list[BaseRoute]:
    """List the routes to mount."""
    api = _SoapApi(vcenter)
    return [
        *(Route(path, api.call, methods=["POST"]) for path in ("/sdk", "/sdk/", "/sdk/vimService")),
        Route("/sdk/vimServiceVersions.xml", api.show_versions),
        Route("/sdk/vimService.wsdl", api.describe_service),
    ]


class _SoapApi:
    """The handlers of the requests to one vCenter."""

    def __init__(self, vcenter: Vcenter) -> None:
        self._vcenter = vcenter

    async def call(self, request: Request) -> Response:
        """Answer a call of a method, or let its answer meet the fault that waits for it."""
        address = request.client.host if request.client else ""
        caller = Caller(request.cookies.get(COOKIE), address, request.headers.get("user-agent", ""))
        try:
            reply = await answer(self._vcenter, await request.body(), caller)
        except ClientDisconnect:  # a client that ends may do so in the middle of a request
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        headers, faults = self._build_headers(reply, caller), self._vcenter.faults
        fault = faults.pop_answer_fault(reply.method)
        if fault is not None and fault.kind == "trickle":
            return StreamingResponse(trickle(reply.body, fault.seconds, faults), reply.status, headers, _XML)
        if fault is not None:
            lose_answer(request.scope)
        return Response(reply.body, reply.status, headers, _XML)

    def _build_headers(self, reply: Reply, caller: Caller) -> dict[str, str]:
        headers = {"cache-control": "no-cache"}
        early = not caller.token and not self._vcenter.faults.late_cookies
        if token := reply.new_token or (uuid.uuid4().hex if early else None):
            headers["set-cookie"] = f'{COOKIE}="{token}"; Path=/; HttpOnly'
        return headers

    async def show_versions(self, _request: Request) -> Response:
        """Answer with the API versions."""
        return Response(service_versions(), media_type=_XML)

    async def describe_service(self, request: Request) -> Response:
        """Answer with the WSDL that names the service's address."""
        return Response(service_description(f"{request.base_url}sdk"), media_type=_XML)
