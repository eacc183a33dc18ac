"""The paths of VI/JSON: a POST calls a method, a GET reads a property.

``/sdk/vim25/{release}/{type}/{moId}/{method or property}``; the arguments are one JSON object by parameter name. A
method without a result answers 204, a fault is a 500 (also NotAuthenticated, github.com/evoila/meho/issues/3566), and
Login's answer has the session's token in a header, which each later request sends.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vcenter_simulator.exchange import exchange
from vcenter_simulator.rest.sessions import SESSION_HEADER
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vijson import hello
from vcenter_simulator.vijson.reading import JsonRequest
from vcenter_simulator.vijson.writing import JsonWire


def routes(vcenter: Vcenter) -> list[BaseRoute]:
    """List the routes to mount; they answer 404 while the vCenter offers no release."""
    path, api = "/sdk/vim25/{release}/{kind}/{moid}/{name}", _JsonApi(vcenter)
    return [*hello.routes(vcenter), Route(path, api.call, methods=["GET", "POST"])]


class _JsonApi:
    """The handlers of the requests to one vCenter."""

    def __init__(self, vcenter: Vcenter) -> None:
        self._vcenter = vcenter

    async def call(self, request: Request) -> Response:
        """Answer a call of a method, or the reading of a property."""
        path = request.path_params
        if path["release"] not in self._vcenter.releases:
            return Response(status_code=404)
        is_method = request.method == "POST"

        def parse(body: bytes) -> JsonRequest:
            return JsonRequest(path["kind"], path["moid"], path["name"], body if is_method else None)

        token = request.headers.get(SESSION_HEADER)
        response, reply = await exchange(self._vcenter, request, parse, JsonWire(), token)
        if reply and reply.new_token:
            response.headers[SESSION_HEADER] = reply.new_token
        return response
