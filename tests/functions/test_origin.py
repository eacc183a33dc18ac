"""An event of another vCenter is refused, whoever wrote it: the same reference is another object there."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage

from tests.support import pytag as pytag_support
from tests.support.pytag import POOL, RestVcenter, pytag, settings
from vcenter_functions.cloudevent import read_event
from vcenter_functions.errors import OtherVcenterError, SettingsError
from vcenter_functions.origin import Server, parse_server
from vcenter_functions.targets import Targets
from vcenter_source.core.event import Event, Gap, ManagedObjectReference
from vcenter_source.events.codec import OrjsonFormat, to_binary
from vcenter_source.events.conversion import Converter
from vcenter_source.settings.vcenter import VcenterSettings
from vcenter_source.sinks.openfaas.body import build_request
from vcenter_source.sinks.openfaas.topic_names import list_topic_names
from vcenter_source.sinks.openfaas.topics import Function, TopicMap

Format = Literal["vcenter", "veba"]
TOPICS = ("resource.pool.created", "ResourcePoolCreatedEvent", "com.vmware.event.resourcepool.created")
OTHER = "https://other.example.com/sdk"


@pytest.fixture
def vcenter(module_vcenter: RestVcenter) -> RestVcenter:
    module_vcenter.renew()
    module_vcenter.tag()
    return module_vcenter


@pytest.fixture(scope="module")
def client(module_vcenter: RestVcenter) -> Iterator[httpx.Client]:
    with pytag(module_vcenter.base, VCENTER_ALIASES="") as function:
        yield function


def source_of(url: str) -> str:
    """What the adapter writes for a vCenter that it was given so."""
    given: dict[str, Any] = {"VCENTER_URL": url, "VCENTER_USERNAME": "u", "VCENTER_PASSWORD": "p"}
    return VcenterSettings(**given).require_one().source


def messages(source: str) -> Iterator[HTTPMessage]:
    """An event about a pool, in each form in which it can reach pytag."""
    pool = {"name": "new", "resourcePool": {"type": POOL[0], "value": POOL[1]}}
    data = {"_typeName": "ResourcePoolCreatedEvent", "key": 7, "userName": "jane", "resourcePool": pool}
    event = Event("ResourcePoolCreatedEvent", 7, datetime(2026, 1, 31, tzinfo=UTC), ManagedObjectReference(*POOL), data)
    formats: tuple[Format, ...] = ("vcenter", "veba")
    for event_format in formats:
        converted = Converter(source=source, api_version="8.0.3.0", event_format=event_format).convert(event)
        yield HTTPMessage(*to_binary(converted))
        yield HTTPMessage({"content-type": "application/cloudevents+json"}, OrjsonFormat().write(converted))
        for topic in TOPICS:
            (match,) = TopicMap([Function("pytag.openfaas-fn", (topic,))]).match(list_topic_names(converted), None)
            yield build_request(converted, match)


def statuses(client: httpx.Client, source: str) -> list[int]:
    return [client.post("/", headers=each.headers, content=each.body).status_code for each in messages(source)]


def test_an_event_of_this_vcenter_is_acted_on_in_every_form(vcenter: RestVcenter, client: httpx.Client) -> None:
    assert statuses(client, source_of(f"{vcenter.base}/sdk")) == [204] * 10
    assert vcenter.calls("action=attach") == 10


def test_an_event_of_another_vcenter_is_never_acted_on_in_any_form(vcenter: RestVcenter, client: httpx.Client) -> None:
    assert statuses(client, OTHER) == [422] * 10
    assert not vcenter.requests, "vCenter is not even asked"


def test_the_refusal_is_one_line_that_says_what_to_do(vcenter: RestVcenter, client: httpx.Client) -> None:
    message = next(messages(OTHER))
    told = client.post("/", headers=message.headers, content=message.body).json()["error"]
    own = vcenter.base.removeprefix("http://")
    assert told.startswith(f"the event is of the vCenter other.example.com, not of {own}: narrow the Trigger's filter")
    assert "add other.example.com to VCENTER_ALIASES" in told
    assert "\n" not in told


def test_another_name_of_this_vcenter_can_be_allowed(vcenter: RestVcenter) -> None:
    with pytag(vcenter.base, VCENTER_ALIASES="vc, other.example.com ,") as client:
        assert statuses(client, OTHER) == [204] * 10


def test_a_gap_of_another_vcenter_is_refused_too(vcenter: RestVcenter, client: httpx.Client) -> None:
    at = datetime(2026, 1, 31, tzinfo=UTC)
    gap = Converter(source=OTHER, api_version="8.0.3.0").convert_gap(Gap("purged", (1, at), (9, at)))
    headers, body = to_binary(gap)
    assert "VCENTER_ALIASES" in client.post("/", headers=headers, content=body).text


SAME = [
    "https://vc.example.com/sdk",
    "https://VC.Example.Com:443/sdk",
    "https://user:secret@vc.example.com./sdk",
    "http://vc.example.com",
    "//vc.example.com/sdk",
    "vc.example.com",
    "vc.example.com:443",
]
SILENT = ["/scripts/nightly", "nightly", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "mailto:a@b.example", "#1"]
OTHERS = [
    "https://vc2.example.com/sdk",
    "https://vc.example.com.evil.test/sdk",
    "https://vc.example.com@evil.test/sdk",
    "https://vc/sdk",
    "https://vc.example.com:8443/sdk",
    "https://10.0.0.1/sdk",
    "https://[2001:db8::1]/sdk",
    "https://vc.example.com:x/sdk",
    "https://[vc.example.com/sdk",
    "vc2.example.com",
    "vc2:443",
]


def refused(source: str, headers: dict[str, str] | None = None, body: Any = None, **given: str) -> bool:
    """Whether an event of this source is refused by a pytag of vc.example.com."""
    targets = Targets(settings("https://vc.example.com", **{"VCENTER_ALIASES": "", **given}))
    sent = headers if headers is not None else pytag_support.binary(ce_source=source)
    try:
        targets.find_of(read_event(sent, json.dumps(body).encode()))
    except OtherVcenterError:
        return True
    return False


@pytest.mark.parametrize("source", SAME)
def test_one_vcenter_has_many_spellings(source: str) -> None:
    assert not refused(source)


@pytest.mark.parametrize("source", SILENT)
def test_a_source_that_names_no_server_is_taken_to_be_of_this_vcenter(source: str) -> None:
    assert not refused(source)


@pytest.mark.parametrize("source", OTHERS)
def test_any_other_server_is_another_vcenter(source: str) -> None:
    assert refused(source)


@pytest.mark.parametrize(
    ("flat", "expected"),
    [
        ({"source": "vc.example.com"}, False),
        ({"source": "vc2"}, True),
        ({}, False),
        ({"source": ["vc2"]}, True),
        ({"source": "v c"}, True),
    ],
)
def test_the_connectors_source_is_a_host_even_of_one_word(flat: dict[str, Any], expected: bool) -> None:
    assert refused("", {}, {"topic": "vm.powered.on", **flat}) is expected


@pytest.mark.parametrize(
    ("aliases", "source", "expected"),
    [
        ("vc", "https://vc/sdk", False),
        ("vc", "https://vc:8443/sdk", False),
        ("vc:8443", "https://vc:8443/sdk", False),
        ("vc:8443", "https://vc:9443/sdk", True),
        ("https://10.0.0.1/sdk, 2001:db8:0::1", "https://10.0.0.1/sdk", False),
        ("https://10.0.0.1/sdk, 2001:db8:0::1", "https://[2001:DB8::1]/sdk", False),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443/sdk", False),
    ],
)
def test_an_alias_is_a_name_an_address_or_a_url(aliases: str, source: str, expected: bool) -> None:
    assert refused(source, VCENTER_ALIASES=aliases) is expected


@pytest.mark.parametrize("wrong", ["a b", "vc,/sdk", "*", "vc;vc2"])
def test_an_alias_that_can_be_no_name_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"^VCENTER_ALIASES: .* is not a host name or address"):
        settings("https://vc.example.com", VCENTER_ALIASES=wrong)


def test_the_usual_ports_are_one() -> None:
    assert parse_server("http://vc:80") == parse_server("vc") == Server("vc")
    assert str(parse_server("https://[::1]:8443")) == "[::1]:8443"
