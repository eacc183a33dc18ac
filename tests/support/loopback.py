"""HTTP to servers of the tests: as httpx has it, without reading all authorities anew for each request (20 ms)."""

import ssl
from functools import partial

import httpx

_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

get = partial(httpx.get, verify=_CONTEXT)
post = partial(httpx.post, verify=_CONTEXT)
put = partial(httpx.put, verify=_CONTEXT)
delete = partial(httpx.delete, verify=_CONTEXT)
request = partial(httpx.request, verify=_CONTEXT)
stream = partial(httpx.stream, verify=_CONTEXT)
Client = partial(httpx.Client, verify=_CONTEXT)
