"""``vcenter.rest``: any call of vCenter's REST API, by its path."""

from collections.abc import Mapping
from typing import Any

import httpx

from vcenter_functions.vcenter.client import VcenterClient

Params = Mapping[str, Any]


class Rest:
    """Calls within the function's session, each with its span.

    A path is as vCenter documents it: ``/api/vcenter/vm``. Each call returns the answer's JSON, None for an empty one,
    and raises TemporaryError where vCenter is not ready or something else answers in its place, and PermanentError
    where vCenter refuses. It is sent again only if vCenter has ended the session.
    """

    def __init__(self, client: VcenterClient) -> None:
        self._client = client

    async def get(self, path: str, *, params: Params | None = None) -> Any:
        """Read what is at a path."""
        return await self._client.request("GET", _add_query(path, params))

    async def post(self, path: str, body: Any = None, *, params: Params | None = None) -> Any:
        """Create something, or call an action: ``post(f"/api/vcenter/vm/{id}/power", params={"action": "stop"})``."""
        return await self._client.request("POST", _add_query(path, params), body)

    async def patch(self, path: str, body: Any = None, *, params: Params | None = None) -> Any:
        """Change some of what is at a path."""
        return await self._client.request("PATCH", _add_query(path, params), body)

    async def delete(self, path: str, *, params: Params | None = None) -> Any:
        """Delete what is at a path."""
        return await self._client.request("DELETE", _add_query(path, params))


def _add_query(path: str, params: Params | None) -> str:
    """Return a path with its query. Raises ValueError for a URL: the session is for vCenter alone."""
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"{path!r} is not a path such as /api/vcenter/vm")
    if not params:
        return path
    return f"{path}{'&' if '?' in path else '?'}{httpx.QueryParams(params)}"
