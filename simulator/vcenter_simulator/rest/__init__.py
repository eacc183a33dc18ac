"""vCenter's tagging over REST, in both dialects: ``/api`` (7.0U2 and later) and ``/rest/com/vmware`` (before).

They differ in paths, in the name of the action parameter, in status codes and in how a value or an error is wrapped;
what they do is the same. Sources: the vSphere Automation API reference, 6.5 to 9.0; govmomi's ``vapi/tags`` for /rest.
"""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from vcenter_simulator.rest.dialect import DIALECTS, DialectName
from vcenter_simulator.rest.handlers import answer_errors
from vcenter_simulator.rest.sessions import SessionApi
from vcenter_simulator.rest.tagging import TaggingApi
from vcenter_simulator.vcenter import Vcenter


def routes(vcenter: Vcenter, dialects: Sequence[DialectName] = ("api", "rest")) -> list[BaseRoute]:
    """List the routes to mount. Leave a dialect out to have an older vCenter (no ``/api``) or a future one."""
    return [route for name in dialects for route in _dialect_routes(vcenter, name)]


def _dialect_routes(vcenter: Vcenter, name: DialectName) -> list[BaseRoute]:
    dialect = DIALECTS[name]
    sessions = SessionApi(vcenter, dialect)
    endpoints = [*sessions.endpoints(), *TaggingApi(vcenter.tagging, dialect, sessions).endpoints()]
    return [Route(path, answer_errors(handler, dialect), methods=methods) for path, handler, methods in endpoints]
