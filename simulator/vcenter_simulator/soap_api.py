"""The SOAP API over HTTP: calls, the versions that it speaks, and where the service is."""

import uuid

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vcenter_simulator.exchange import exchange
from vcenter_simulator.request import parse
from vcenter_simulator.soap import SoapWire, service_description, service_versions
from vcenter_simulator.vcenter import Vcenter

COOKIE = "vmware_soap_session"


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
        """Answer a call of a method."""
        token = request.cookies.get(COOKIE)
        response, reply = await exchange(self._vcenter, request, parse, SoapWire(), token)
        early = not token and not self._vcenter.faults.late_cookies
        if reply and (new := reply.new_token or (uuid.uuid4().hex if early else None)):
            response.headers["set-cookie"] = f'{COOKIE}="{new}"; Path=/; HttpOnly'
        return response

    async def show_versions(self, _request: Request) -> Response:
        """Answer with the API versions."""
        return Response(service_versions(), media_type=SoapWire.media_type)

    async def describe_service(self, request: Request) -> Response:
        """Answer with the WSDL that names the service's address."""
        return Response(service_description(f"{request.base_url}sdk"), media_type=SoapWire.media_type)
