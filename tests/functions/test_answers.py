"""Answers that are not vCenter's, or not as they should be: the event waits (503), and nothing is believed."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from tests.functions.json_values import JSON
from tests.support.pytag import BOTH, POOL, RestVcenter, binary, pytag
from vcenter_functions.errors import PermanentError, TemporaryError, VcenterUnavailableError
from vcenter_functions.vcenter.answers import (
    MAX_ANSWER_BYTES,
    MISSING,
    Answer,
    expect_id,
    expect_ids,
    expect_nothing,
    expect_object,
    expect_text,
    parse_value,
    to_error,
)
from vcenter_functions.vcenter.dialects import API, REST, Dialect, Operation
from vcenter_simulator.rest.dialect import DialectName

PAGE = "<html>Sign in to continue</html>"
NOT_VCENTERS = [
    HTMLResponse(PAGE),
    HTMLResponse(""),
    PlainTextResponse("ok"),
    Response(PAGE),
    JSONResponse(7),
    JSONResponse([{"a": 1}]),
    JSONResponse({"value": [7]}),
    JSONResponse({"value": {"id": 7, "name": None}}),
    JSONResponse({"value": "x" * 3, "more": 1}),
    HTMLResponse(PAGE, 403),
    HTMLResponse(PAGE, 404),
    Response(status_code=400),
    Response(status_code=403),
    Response(status_code=405),
    Response(status_code=407),
    Response(status_code=415),
    Response(status_code=302, headers={"location": "https://login.example.com"}),
    Response(status_code=503, headers={"retry-after": "9" * 400}),
    JSONResponse({"error_type": "CONCURRENT_CHANGE", "messages": []}, 400),
    Response(b"\x1f\x8b", headers={"content-encoding": "gzip"}),
]


@pytest.fixture(scope="module")
def clients(module_vcenter: RestVcenter) -> Iterator[dict[str, httpx.Client]]:
    """A pytag for each of the actions, which finds its tag anew after each new vCenter."""
    with (
        pytag(module_vcenter.base) as attaching,
        pytag(module_vcenter.base, TAG_ACTION="detach") as detaching,
        pytag(module_vcenter.base, TAG_CREATE="true") as creating,
    ):
        yield {"attach": attaching, "detach": detaching, "create": creating}


def post(client: httpx.Client) -> httpx.Response:
    return client.post("/", headers=binary())


@pytest.mark.parametrize("answer", NOT_VCENTERS, ids=lambda answer: f"{answer.status_code} {answer.body[:20]!r}")
@pytest.mark.parametrize(
    ("action", "at"),
    [
        ("attach", "/category"),
        ("attach", "/category/"),
        ("attach", "/tag-association"),
        ("detach", "/tag-association"),
        ("create", "/category"),
    ],
)
def test_what_is_not_vcenters_answer_never_counts(
    vcenter: RestVcenter, clients: dict[str, httpx.Client], answer: Response, action: str, at: str
) -> None:
    tag = vcenter.tag()
    if action == "detach":
        vcenter.tagging.attach(tag.id, POOL)
    before = vcenter.tagging.tags_on(POOL)
    vcenter.answers.append((at, answer))
    refused = post(clients[action])
    if not vcenter.answers:
        assert refused.status_code == 503, refused.text
        assert vcenter.tagging.tags_on(POOL) == before
        assert int(refused.headers["retry-after"]) <= 3600
    assert post(clients[action]).status_code == 204


@pytest.mark.parametrize("dialect", BOTH)
def test_whoever_answers_everything_with_a_page_is_no_vcenter(vcenter: RestVcenter, dialect: DialectName) -> None:
    vcenter.renew((dialect,))
    vcenter.tag()
    with pytag(vcenter.base) as client:
        assert post(client).status_code == 204
        vcenter.answers.extend([("/", HTMLResponse(PAGE))] * 2)
        refused, ready = post(client), client.get("/readyz")
    assert (refused.status_code, ready.status_code) == (503, 503)
    assert "not a vCenter's answer to POST" in refused.json()["error"]
    assert "is VCENTER_URL right?" in ready.text


@pytest.mark.parametrize("status", [302, 400, 403, 404, 405, 410, 415, 501, "page"])
def test_whatever_api_session_answers_the_other_dialect_is_tried(vcenter: RestVcenter, status: int | str) -> None:
    vcenter.renew(("rest",))
    vcenter.tag()
    vcenter.answers.append(("/api/session", HTMLResponse(PAGE, 200 if status == "page" else int(status))))
    with pytag(vcenter.base) as client:
        assert post(client).status_code == 204


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 415, 422])
def test_a_log_in_that_fails_is_never_the_events_fault(vcenter: RestVcenter, status: int) -> None:
    refusal = JSONResponse({"error_type": "UNAUTHORIZED", "messages": []}, status)
    vcenter.answers.extend([("/session", refusal), ("/session", refusal)])
    with pytag(vcenter.base) as client:
        refused = post(client)
    assert refused.status_code == 503
    assert "no REST API at" in refused.json()["error"]


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("at", ["/category", "list-tags-for-category"])
def test_a_look_up_that_is_refused_is_never_the_events_fault(vcenter: RestVcenter, status: int, at: str) -> None:
    vcenter.tag()

    def refuse(request: Request) -> None:
        if at in f"{request.url.path}?{request.url.query}":
            vcenter.answers.append(("", JSONResponse({"error_type": "UNAUTHORIZED", "messages": []}, status)))

    vcenter.hook = refuse
    with pytag(vcenter.base) as client:
        refused = post(client)
    assert refused.status_code == 503
    assert refused.json()["error"].startswith("TAG: owner/pytag cannot be looked up: vCenter refuses")


def test_an_answer_without_end_is_not_read_to_its_end(vcenter: RestVcenter) -> None:
    vcenter.tag()
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 65536
            yield b" " * 65536
            await asyncio.sleep(0)

    vcenter.answers.append(("/category", StreamingResponse(endless(), media_type="application/json")))
    with pytag(vcenter.base) as client:
        refused = post(client)
        assert refused.status_code == 503
        assert f"more than {MAX_ANSWER_BYTES} bytes" in refused.json()["error"]
        assert post(client).status_code == 204
    assert sent < 4 * MAX_ANSWER_BYTES


@pytest.mark.parametrize("dialect", [API, REST])
def test_an_id_stays_one_segment_of_the_path(dialect: Dialect) -> None:
    urn = "urn:vmomi:InventoryServiceTag:a/../b?c#d%:GLOBAL"
    path = dialect.build_path(Operation("GET", "tag", urn))
    assert path == f"{dialect.tagging}/tag/{dialect.item}urn:vmomi:InventoryServiceTag:a%2F..%2Fb%3Fc%23d%25:GLOBAL"


@pytest.mark.parametrize("wrong", ["", " ", ".", "..", "a\nb", "\u00fc", None, 7])
def test_what_can_be_no_id_is_none(wrong: Any) -> None:
    with pytest.raises(ValueError, match="no "):
        expect_id(wrong)


@pytest.mark.parametrize(
    ("shape", "empty"), [(expect_nothing, MISSING), (expect_nothing, None), (expect_nothing, {}), (expect_ids, None)]
)
def test_vcsims_empty_answers_are_taken(shape: Any, empty: Any) -> None:
    assert shape(empty) in (None, [])


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    return Answer("GET /x", status, httpx.Headers(headers), b"" if body is None else json.dumps(body).encode())


def test_a_remotes_words_are_one_short_line() -> None:
    long = {"error_type": "INVALID_ARGUMENT", "messages": [{"default_message": "a\nb\x1b[2J " + "c" * 100_000}]}
    told = str(to_error(answer(400, long)))
    assert told.startswith("vCenter refuses GET /x: 400 a b [2J c")
    assert len(told) < 400


@given(JSON)
def test_no_json_is_unforeseen(body: Any) -> None:
    """Each is what was expected, or a ValueError, of which 503 is made."""
    for shape in (expect_nothing, expect_text, expect_ids, expect_object("name"), expect_id):
        for wrapped in (True, False):
            with suppress(VcenterUnavailableError):
                parse_value(answer(200, body), shape, wrapped=wrapped)
    assert str(to_error(answer(400, body)))


def test_no_status_is_unforeseen() -> None:
    for status in [*range(300, 600), 999]:
        for body in (None, {"error_type": "NOT_FOUND", "messages": []}, {"error_type": 7, "messages": "?"}):
            with pytest.raises((TemporaryError, PermanentError)):
                parse_value(answer(status, body), expect_text, wrapped=False)
