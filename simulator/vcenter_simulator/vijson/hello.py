"""Hello: the client names the releases that it can speak, and vCenter picks the first that it can speak too.

Added in 8.0.2.0 (vSphere Automation API reference, "Hello System"); an older vCenter answers 404. No session is needed.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vcenter_simulator.rest.dialect import DIALECTS
from vcenter_simulator.rest.handlers import answer_errors, read_body
from vcenter_simulator.tagging import TaggingError
from vcenter_simulator.vcenter import Vcenter

_WITHOUT_HELLO = ("8.0.1.0",)
_MOST_RELEASES, _LONGEST_RELEASE = 128, 64


def routes(vcenter: Vcenter) -> list[BaseRoute]:
    """List the routes to mount."""

    async def negotiate(request: Request) -> Response:
        has_hello = bool(set(vcenter.releases) - set(_WITHOUT_HELLO))
        if not has_hello or request.query_params.get("action") != "hello":
            return Response(status_code=404)
        vcenter.requests["hello"] += 1
        offered = _read_releases(await read_body(request))
        return JSONResponse({"api_release": next((each for each in offered if each in vcenter.releases), "")})

    return [Route("/api/vcenter/system", answer_errors(negotiate, DIALECTS["api"]), methods=["POST"])]


def _read_releases(body: dict[str, object]) -> list[str]:
    releases = body.get("api_releases")
    if not isinstance(releases, list) or not 0 < len(releases) <= _MOST_RELEASES:
        raise TaggingError.invalid(f"api_releases must be a list of 1 to {_MOST_RELEASES} releases", "api_releases")
    if not all(isinstance(each, str) and len(each) <= _LONGEST_RELEASE for each in releases):
        raise TaggingError.invalid(f"a release has at most {_LONGEST_RELEASE} characters", "api_releases")
    return releases
