"""pytag over HTTP, as a Broker and as a kubelet see it, against the simulator on the wire."""

import base64
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.responses import Response

from pytag.__main__ import HANDLER
from tests.support.kit import kit_process
from tests.support.pytag import POOL, RestVcenter, binary, pytag, serve_app
from tests.support.pytag_process import post_event, pytag_environment
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD

EVENT = {
    "specversion": "1.0",
    "id": "42",
    "source": "https://vcenter.test/sdk",
    "type": "com.vmware.event.resourcepool.created",
    "subject": ":".join(POOL),
    "datacontenttype": "application/json",
}
VEBA = {
    "Key": 42,
    "ResourcePool": {"Name": "production", "ResourcePool": {"Type": "ResourcePool", "Value": "resgroup-9"}},
    "Datacenter": {"Name": "DC0", "Datacenter": {"Type": "Datacenter", "Value": "datacenter-2"}},
    "Vm": None,
}


@pytest.fixture(scope="module")
def running(module_vcenter: RestVcenter) -> Iterator[httpx.Client]:
    """One pytag for most tests: to it, each new vCenter is the old one with lost sessions and tags made anew."""
    with pytag(module_vcenter.base, MAX_BODY_BYTES="4096") as client:
        yield client


@pytest.fixture
def function(vcenter: RestVcenter, running: httpx.Client) -> httpx.Client:
    vcenter.tag()
    return running


def structured(body: Any) -> dict[str, Any]:
    return {"headers": {"content-type": "application/cloudevents+json"}, "content": json.dumps(body)}


def tagged(vcenter: RestVcenter, reference: tuple[str, str] = POOL) -> list[str]:
    return [vcenter.tagging.tag(urn).name for urn in vcenter.tagging.tags_on(reference)]


def done(response: httpx.Response) -> bool:
    """What a Broker takes for success: a 2xx and not one byte of a body."""
    return response.status_code == 204 and response.content == b""


@pytest.mark.parametrize(
    "request_",
    [
        {"headers": binary(), "content": b'{"_typeName": "ResourcePoolCreatedEvent"}'},
        {"headers": binary()},
        structured(EVENT),
        structured({**EVENT, "data": {"_typeName": "ResourcePoolCreatedEvent"}}),
        {
            "headers": binary("ResourcePoolCreatedEvent", ce_type="com.vmware.vsphere.ResourcePoolCreatedEvent.v0"),
            "content": json.dumps(VEBA),
        },
        structured(
            {
                **EVENT,
                "subject": "ResourcePoolCreatedEvent",
                "type": "com.vmware.vsphere.ResourcePoolCreatedEvent.v0",
                "data_base64": base64.b64encode(json.dumps(VEBA).encode()).decode(),
            }
        ),
    ],
    ids=["binary", "binary, no data", "structured, no data", "structured", "veba binary", "veba structured"],
)
def test_an_event_tags_its_object_and_again_changes_nothing(
    vcenter: RestVcenter, function: httpx.Client, request_: dict[str, Any]
) -> None:
    for _ in range(2):
        assert done(function.post("/", **request_))
    assert tagged(vcenter) == ["pytag"]


def test_its_metrics_count_events_by_what_became_of_them(vcenter: RestVcenter) -> None:
    with pytag(vcenter.base) as client:
        assert client.post("/", headers=binary()).status_code == 422
        vcenter.tag()
        vcenter.answers.append(("/tag-association", Response(status_code=503)))
        assert [client.post("/", headers=binary()).status_code for _ in range(2)] == [503, 204]
        text = client.get("/metrics").text
    for outcome in ("done", "temporary", "permanent"):
        assert f'vcenter_function_calls_total{{handler="tag",outcome="{outcome}"}} 1\n' in text
        assert f'vcenter_function_duration_seconds_count{{handler="tag",outcome="{outcome}"}} 1\n' in text
    assert 'vcenter_function_failures_total{handler="tag",error="MissingTagError"} 1\n' in text


def test_its_handler_is_served_like_any_other_and_is_short(vcenter: RestVcenter) -> None:
    vcenter.tag()
    variables = pytag_environment(vcenter.base)
    with kit_process(HANDLER.parent, **variables) as (_, url):
        assert post_event(url).status_code == 204
    assert tagged(vcenter) == ["pytag"]
    assert len(HANDLER.read_text().splitlines()) <= 100


def test_detach_takes_the_tag_off(vcenter: RestVcenter) -> None:
    vcenter.tagging.attach(vcenter.tag().id, POOL)
    with pytag(vcenter.base, TAG_ACTION="detach") as client:
        assert done(client.post("/", headers=binary()))
        assert done(client.post("/", headers=binary()))
    assert tagged(vcenter) == []


def test_an_older_vcenter_is_spoken_to_in_its_dialect(vcenter: RestVcenter) -> None:
    vcenter.renew(("rest",))
    with pytag(vcenter.base, TAG_CREATE="true") as client:
        assert done(client.post("/", headers=binary()))
    assert tagged(vcenter) == ["pytag"]


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        ({}, 400, "not a CloudEvent: the attribute specversion"),
        ({"json": EVENT}, 400, "not a CloudEvent"),
        ({"headers": {"content-type": "application/cloudevents-batch+json"}, "content": b"[]"}, 400, "a batch"),
        ({"headers": {"content-type": "application/cloudevents+json"}, "content": b"{"}, 400, "not a CloudEvent"),
        ({"headers": binary(), "content": b"{"}, 400, "not a CloudEvent"),
        ({"headers": binary(ce_specversion="2.0")}, 400, "specversion"),
        ({"headers": {"content-type": "application/cloudevents+avro"}}, 415, "application/cloudevents+avro"),
        ({"headers": binary(None, content_type="image/png"), "content": b"\x89PNG"}, 415, "image/png"),
        ({"headers": binary(), "content": b" " * 4097}, 413, "more than 4096 bytes; raise MAX_BODY_BYTES"),
        ({"headers": binary(None, ce_type="com.vmware.event.session.userlogin")}, 422, "names no managed object"),
    ],
)
def test_what_will_never_work_is_refused_with_a_reason(
    vcenter: RestVcenter, function: httpx.Client, request_: dict[str, Any], status: int, message: str
) -> None:
    response = function.post("/", **request_)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    assert message in response.json()["error"]
    assert "retry-after" not in response.headers
    assert tagged(vcenter) == []
    assert function.get("/healthz").status_code == 200


def test_a_body_of_unknown_length_is_limited_too(function: httpx.Client) -> None:
    chunks = (b" " * 1000 for _ in range(100))
    assert function.post("/", headers=binary(), content=chunks).status_code == 413


def test_the_largest_body_allowed_is_taken(function: httpx.Client) -> None:
    assert done(function.post("/", headers=binary(), content=b'"' + b"x" * 4094 + b'"'))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"TAG": "owner/unknown"}, "TAG: vCenter has no tag 'unknown' in the category 'owner'"),
        ({"TAG": "unknown/pytag"}, "TAG: vCenter has no category 'unknown'"),
        ({"TAG": "machines/pytag"}, "is not eligible for objects of type ResourcePool"),
    ],
)
def test_what_vcenter_refuses_goes_to_the_dead_letter(
    vcenter: RestVcenter, given: dict[str, Any], message: str
) -> None:
    vcenter.tag()
    vcenter.tag(category="machines", types=["VirtualMachine"])
    with pytag(vcenter.base, **given) as client:
        response = client.post("/", headers=binary())
    assert response.status_code == 422
    assert message in response.json()["error"]


def test_a_vcenter_that_is_away_is_waited_for(vcenter: RestVcenter, function: httpx.Client) -> None:
    vcenter.vcenter.sessions.close_all()
    vcenter.answers.append(("/api/session", Response(status_code=503)))
    response = function.post("/", headers=binary())
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert "vCenter is not ready" in response.json()["error"]
    assert done(function.post("/", headers=binary()))


def test_vcenters_own_delay_is_passed_on(vcenter: RestVcenter, function: httpx.Client) -> None:
    vcenter.answers.append(("/tag-association", Response(status_code=503, headers={"retry-after": "17"})))
    assert function.post("/", headers=binary()).headers["retry-after"] == "17"


def test_an_unreachable_vcenter_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytag(base) as client:
        response = client.post("/", headers=binary())
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert client.get("/healthz").text == "ok\n"
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.text.startswith(f"no answer from vCenter at {base}")


def self_signed(folder: Path) -> dict[str, Path]:
    """A certificate for 127.0.0.1 that nobody vouches for, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vcenter")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = {"ssl_certfile": folder / "cert.pem", "ssl_keyfile": folder / "key.pem"}
    files["ssl_certfile"].write_bytes(certificate.public_bytes(Encoding.PEM))
    files["ssl_keyfile"].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def test_an_untrusted_certificate_is_named_and_can_be_trusted(tmp_path: Path) -> None:
    made, files = RestVcenter(), self_signed(tmp_path)
    made.tag()
    with serve_app(made, **files) as base:
        with pytag(base) as client:
            response = client.post("/", headers=binary())
            assert response.status_code == 503
            assert "set VCENTER_CA_FILE to the authority that signed it, or VCENTER_INSECURE=true" in response.text
            assert "its certificate is not trusted" in client.get("/readyz").text
        for trust in ({"VCENTER_CA_FILE": str(files["ssl_certfile"])}, {"VCENTER_INSECURE": "true"}):
            with pytag(base, None, **trust) as client:
                assert done(client.post("/", headers=binary()))


def test_a_wrong_password_is_waited_for_and_named(vcenter: RestVcenter) -> None:
    with pytag(vcenter.base, VCENTER_PASSWORD="hunter2") as client:
        response = client.post("/", headers=binary())
        assert (response.status_code, response.headers["retry-after"]) == (503, "60")
        assert "check VCENTER_USERNAME and VCENTER_PASSWORD" in response.json()["error"]
        assert "check VCENTER_USERNAME" in client.get("/readyz").text
        assert "hunter2" not in response.text


def test_a_mounted_secret_that_becomes_unreadable_is_waited_for_and_named(vcenter: RestVcenter, tmp_path: Path) -> None:
    (tmp_path / "username").write_text(ADMINISTRATOR)
    (tmp_path / "password").write_text(PASSWORD)
    vcenter.tag()
    with pytag(vcenter.base, VCENTER_SECRET_PATH=str(tmp_path)) as client:
        (tmp_path / "password").write_bytes(b"p\xe4ssword")
        response = client.post("/", headers=binary())
        message = f"VCENTER_SECRET_PATH: {tmp_path / 'password'} is not UTF-8 text"
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert response.json()["error"] == message
        assert client.get("/readyz").text == f"{message}\n"
        (tmp_path / "password").write_text(PASSWORD)
        assert done(client.post("/", headers=binary()))


def test_a_silent_vcenter_does_not_hold_the_event_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytag(base, TIMEOUT="0.3") as client:
            response = client.post("/", headers=binary())
            assert response.status_code == 503
            assert "no answer" in response.json()["error"] or "TIMEOUT=0.3" in response.json()["error"]
            assert client.get("/readyz").status_code == 503


def test_many_slow_answers_do_not_add_up_beyond_the_limit(vcenter: RestVcenter) -> None:
    vcenter.tag()
    vcenter.delay = 0.4
    with pytag(vcenter.base, TIMEOUT="1") as client:
        response = client.post("/", headers=binary())
    assert response.json()["error"] == "vCenter took longer than TIMEOUT=1 seconds"


def test_a_body_that_does_not_come_is_given_up(vcenter: RestVcenter) -> None:
    with pytag(vcenter.base, TIMEOUT="0.2") as client:
        assert client.base_url.port is not None
        with socket.create_connection(("127.0.0.1", client.base_url.port)) as slow:
            slow.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
            slow.settimeout(10)
            assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_ready_means_a_session_can_be_had(vcenter: RestVcenter, function: httpx.Client) -> None:
    assert function.get("/readyz").text == "ready\n"
    vcenter.vcenter.sessions.close_all()
    assert function.get("/readyz").status_code == 200
    vcenter.answers.append(("/api/session", Response(status_code=503)))
    assert function.get("/readyz").status_code == 503


def test_an_expired_session_is_not_noticed_outside(vcenter: RestVcenter, function: httpx.Client) -> None:
    assert done(function.post("/", headers=binary()))
    vcenter.vcenter.sessions.close_all()
    assert done(function.post("/", headers=binary("VirtualMachine:vm-15")))
    assert tagged(vcenter, ("VirtualMachine", "vm-15")) == ["pytag"]


def test_a_new_object_gets_its_second_chance(vcenter: RestVcenter, function: httpx.Client) -> None:
    """The one test that waits out the real second; the others pass a sleep in."""
    assert done(function.post("/", headers=binary()))

    def make_it(request: Request) -> None:
        if len(vcenter.requests) == before + 2:
            inventory = vcenter.vcenter.inventory
            inventory.create_pool(inventory.root_pool, "new")

    before = len(vcenter.requests)
    vcenter.hook = make_it
    assert done(function.post("/", headers=binary("ResourcePool:resgroup-101")))


@pytest.mark.parametrize("path", ["/", "//", "/pytag", "/a/b?c=d", "/healthz/more"])
def test_an_event_is_taken_on_any_path(vcenter: RestVcenter, function: httpx.Client, path: str) -> None:
    url = httpx.URL(f"http://127.0.0.1:{function.base_url.port}").copy_with(raw_path=path.encode())
    assert done(function.post(url, headers=binary()))
    assert tagged(vcenter) == ["pytag"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/_/health"])
def test_the_probes_paths_take_no_event_and_say_so_for_good(
    vcenter: RestVcenter, function: httpx.Client, path: str
) -> None:
    response = function.post(path, headers=binary())
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    assert tagged(vcenter) == []


@pytest.mark.parametrize("path", ["/", "/elsewhere"])
def test_only_post_takes_events(function: httpx.Client, path: str) -> None:
    response = function.get(path)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
