"""VCenter: which one an event is of, its tags by name, and any call of its REST API; real HTTP to the simulator."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tests.support.pytag import BOTH, POOL, RestVcenter, settings
from vcenter_functions.errors import (
    NoObjectError,
    NotFoundError,
    OtherVcenterError,
    PermanentError,
    TemporaryError,
    VcenterUnavailableError,
)
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.targets import Targets
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.api import VCenter
from vcenter_functions.vcenter.sessions import VCenters
from vcenter_functions.vcenter.tag_finder import MissingTagError
from vcenter_simulator.rest.dialect import DialectName

REFERENCE = ManagedObjectReference(*POOL)
SOURCE = "https://vcenter.test/sdk"


def run(base: str, work: Callable[[VCenter], Awaitable[Any]], source: str = SOURCE) -> Any:
    """Give the vCenter that the source names to some work, and return its result."""

    async def inner() -> Any:
        vcenters = VCenters(Targets(settings(base)), Tracing("test"))
        try:
            return await work(vcenters.of(source))
        finally:
            await vcenters.close()

    return asyncio.run(inner())


@pytest.mark.parametrize("source", ["https://other.test/sdk", "other.test", "https://[fd00::7]/sdk"])
def test_a_vcenter_that_is_not_configured_is_refused(vcenter: RestVcenter, source: str) -> None:
    with pytest.raises(OtherVcenterError, match="VCENTER_ALIASES if that is another name") as caught:
        run(vcenter.base, lambda own: own.tags.list(REFERENCE), source)
    assert caught.value.status == 422
    assert vcenter.requests == [], "nothing is asked of ours"


@pytest.mark.parametrize("source", [SOURCE, "vcenter.test", "/scripts/nightly"])
def test_an_event_of_ours_or_of_no_server_gets_ours(vcenter: RestVcenter, source: str) -> None:
    assert run(vcenter.base, lambda own: own.tags.list(REFERENCE), source) == []


@pytest.mark.parametrize("dialect", BOTH)
def test_tags_go_by_their_names(vcenter: RestVcenter, dialect: DialectName) -> None:
    vcenter.renew((dialect,))
    vcenter.tag("owner", "ann")

    async def work(own: VCenter) -> list[list[str]]:
        await own.tags.create("place/rack/7")
        await own.tags.create("place/rack/7")
        await own.tags.attach(REFERENCE, "place/rack/7")
        await own.tags.attach(REFERENCE, "owner/ann")
        first = await own.tags.list(REFERENCE)
        await own.tags.detach(REFERENCE, "owner/ann")
        return [first, await own.tags.list(REFERENCE)]

    assert run(vcenter.base, work) == [["owner/ann", "place/rack/7"], ["place/rack/7"]]
    assert len(vcenter.tagging.tags) == 2
    assert (
        vcenter.tagging.categories[next(reversed(vcenter.tagging.categories))].description == "Made by vcenter-source"
    )


def test_what_a_list_has_read_is_not_believed_when_a_tag_is_looked_up(vcenter: RestVcenter) -> None:
    tag = vcenter.tag("owner", "ann")

    async def work(own: VCenter) -> None:
        vcenter.tagging.attach(tag.id, POOL)
        assert await own.tags.list(REFERENCE) == ["owner/ann"]
        vcenter.tagging.tags[tag.id].name = "bob"
        with pytest.raises(MissingTagError):
            await own.tags.detach(REFERENCE, "owner/ann")
        await own.tags.detach(REFERENCE, "owner/bob")

    run(vcenter.base, work)
    assert vcenter.tagging.tags_on(POOL) == []


def test_many_events_with_a_known_tag_do_not_wait_for_a_look_up(vcenter: RestVcenter) -> None:
    vcenter.tag("owner", "ann")

    async def work(own: VCenter) -> None:
        await own.tags.attach(REFERENCE, "owner/ann")
        vcenter.delay = 0.5
        slow = asyncio.create_task(own.tags.attach(REFERENCE, "owner/bob"))
        await asyncio.sleep(0.1)
        vcenter.delay = 0
        await own.tags.detach(REFERENCE, "owner/ann")
        assert not slow.done()
        with pytest.raises(MissingTagError):
            await slow

    run(vcenter.base, work)


@pytest.mark.parametrize("tag", ["owner", "/x", "owner/a\nb"])
def test_what_is_no_name_of_a_tag_refuses_the_event(vcenter: RestVcenter, tag: str) -> None:
    with pytest.raises(PermanentError, match="set category/name"):
        run(vcenter.base, lambda own: own.tags.attach(REFERENCE, tag))


def test_an_event_without_an_object_is_refused(vcenter: RestVcenter) -> None:
    with pytest.raises(NoObjectError, match="names no managed object"):
        run(vcenter.base, lambda own: own.tags.attach(None, "owner/ann"))


def test_any_call_of_the_rest_api(vcenter: RestVcenter) -> None:
    async def work(own: VCenter) -> None:
        rest = own.rest
        spec = {"name": "place", "description": "", "cardinality": "SINGLE", "associable_types": []}
        urn = await rest.post("/api/cis/tagging/category", spec)
        assert await rest.get("/api/cis/tagging/category") == [urn]
        assert await rest.patch(f"/api/cis/tagging/category/{urn}", {"description": "where"}) is None
        assert (await rest.get(f"/api/cis/tagging/category/{urn}"))["description"] == "where"
        assert await rest.post("/api/cis/tagging/tag", {"category_id": urn, "name": "x", "description": ""})
        listing = {"category_id": urn}
        assert len(await rest.post("/api/cis/tagging/tag", listing, params={"action": "list-tags-for-category"})) == 1
        vcenter.vcenter.sessions.close_all()
        assert await rest.delete(f"/api/cis/tagging/category/{urn}") is None
        with pytest.raises(NotFoundError):
            await rest.get(f"/api/cis/tagging/category/{urn}")

    run(vcenter.base, work)


@pytest.mark.parametrize(
    "answer",
    [PlainTextResponse("ok"), Response(b"<html>", headers={"content-type": "text/html"}), Response(b"{", 201)],
)
def test_an_answer_that_is_not_json_is_never_success(vcenter: RestVcenter, answer: Response) -> None:
    async def work(own: VCenter) -> None:
        for call in (own.rest.get, own.rest.post, own.rest.patch, own.rest.delete):
            vcenter.answers.append(("/api/vcenter/vm", answer))
            with pytest.raises(TemporaryError, match=r"not a vCenter's answer to .* is VCENTER_URL right"):
                await call("/api/vcenter/vm")

    run(vcenter.base, work)


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n", b""],
    ids=["no HTTP", "cut short", "half a head", "nothing"],
)
def test_an_answer_that_is_no_whole_http_is_no_answer(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as answering:
        work = answering.submit(answer_once, server, answer)
        with pytest.raises(VcenterUnavailableError, match=r"no answer from vCenter at http://127.0.0.1:\d+: \w+"):
            run(f"http://127.0.0.1:{server.getsockname()[1]}", VCenter.check)
        work.result(10)


def answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        assert connection.recv(65536).startswith(b"POST /api/session")
        connection.sendall(answer)


def test_the_wire_keeps_what_a_path_says(vcenter: RestVcenter) -> None:
    async def work(own: VCenter) -> None:
        with pytest.raises(NotFoundError):
            await own.rest.get("/api/a%2Fb", params={"filter.names": "a/b+c d&e=%"})

    run(vcenter.base, work)
    request = vcenter.requests[-2]  # the last is the log-out
    assert request.scope["raw_path"] == b"/api/a%2Fb"
    assert request.query_params["filter.names"] == "a/b+c d&e=%"


@pytest.mark.parametrize("body", [b"ok", b"<p>welcome</p>", b'{"status": "ok"}', b"[]"])
def test_a_tag_is_not_attached_by_what_is_not_vcenters_answer(vcenter: RestVcenter, body: bytes) -> None:
    vcenter.tag("owner", "ann")
    vcenter.answers.append(("/tag-association/", Response(body)))
    with pytest.raises(TemporaryError, match="not a vCenter's answer to POST"):
        run(vcenter.base, lambda own: own.tags.attach(REFERENCE, "owner/ann"))


def test_a_refusal_is_permanent_and_not_now_is_temporary(vcenter: RestVcenter) -> None:
    refusal = JSONResponse({"error_type": "INVALID_ARGUMENT", "messages": []}, 400)
    later = Response(status_code=503, headers={"retry-after": "9"})
    vcenter.answers.extend([("/api/vcenter/vm", refusal), ("/api/vcenter/vm", later)])
    with pytest.raises(PermanentError, match="POST /api/vcenter/vm: 400 invalid_argument"):
        run(vcenter.base, lambda own: own.rest.post("/api/vcenter/vm", {}))
    with pytest.raises(TemporaryError) as caught:
        run(vcenter.base, lambda own: own.rest.get("/api/vcenter/vm"))
    assert caught.value.delay == 9


@pytest.mark.parametrize("path", ["https://other.test/api", "//other.test/api", "api/vcenter/vm"])
def test_the_session_is_sent_to_no_other_server(vcenter: RestVcenter, path: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        run(vcenter.base, lambda own: own.rest.get(path))
    assert vcenter.requests == []
