"""pytag as an OpenFaaS function: what the shim sends, in each of its three bodies, and OpenFaaS's own probe."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cloudevents.core.v1.event import CloudEvent

from tests.support.pytag import POOL, RestVcenter, pytag, rest_vcenter
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_source.core.event import Event, ManagedObjectReference
from vcenter_source.events.conversion import Converter
from vcenter_source.sinks.openfaas.body import build_request
from vcenter_source.sinks.openfaas.outcomes import InvocationOutcome, InvocationResponse, classify_function
from vcenter_source.sinks.openfaas.topic_names import list_topic_names
from vcenter_source.sinks.openfaas.topics import Function, TopicMap

SPELLINGS = ["resource.pool.created", "ResourcePoolCreatedEvent", "com.vmware.event.resourcepool.created"]


@pytest.fixture
def vcenter() -> Iterator[RestVcenter]:
    with rest_vcenter() as made:
        made.tag()
        yield made


def pool_created() -> CloudEvent:
    pool = {"name": "new", "resourcePool": {"type": POOL[0], "value": POOL[1]}}
    data = {"_typeName": "ResourcePoolCreatedEvent", "key": 7, "userName": "jane", "resourcePool": pool}
    event = Event("ResourcePoolCreatedEvent", 7, datetime(2026, 1, 31, tzinfo=UTC), ManagedObjectReference(*POOL), data)
    return Converter(source="https://vcenter.test/sdk", api_version="8.0.3.0").convert(event, None)


def invoke(function: httpx.Client, topic: str) -> httpx.Response:
    """What the shim would send to a function with this topic."""
    event = pool_created()
    (match,) = TopicMap([Function("pytag.openfaas-fn", (topic,))]).match(list_topic_names(event), event.get_subject())
    message = build_request(event, match)
    return function.post("/", headers=message.headers, content=message.body)


def verdict(answer: httpx.Response) -> InvocationOutcome:
    """What the shim makes of an answer."""
    return classify_function(InvocationResponse(answer.status_code, {"x-start-time": "1"}, answer.content))


@pytest.mark.parametrize("topic", SPELLINGS)
def test_whatever_the_topics_spelling_the_object_is_tagged(vcenter: RestVcenter, topic: str) -> None:
    with pytag(vcenter.base) as function:
        answer = invoke(function, topic)
    assert (answer.status_code, verdict(answer)) == (204, InvocationOutcome.ACCEPTED)
    assert [vcenter.tagging.tag(urn).name for urn in vcenter.tagging.tags_on(POOL)] == ["pytag"]


def test_the_shim_tells_a_vcenter_that_is_away_from_a_refusal(vcenter: RestVcenter) -> None:
    with pytag("http://127.0.0.1:1") as function:
        assert verdict(invoke(function, SPELLINGS[0])) is InvocationOutcome.RETRY
    with pytag(vcenter.base, TAG="no/such") as function:
        assert verdict(invoke(function, SPELLINGS[0])) is InvocationOutcome.REFUSED


def test_openfaas_probes_it_where_it_probes_every_function(vcenter: RestVcenter) -> None:
    with pytag(vcenter.base) as function:
        assert function.get("/_/health").status_code == 200


def test_openfaas_secrets_lie_side_by_side_in_a_folder_and_two_of_them_are_the_account(
    vcenter: RestVcenter, tmp_path: Path
) -> None:
    for name, value in {"username": ADMINISTRATOR, "password": PASSWORD, "some-other-secret": "x"}.items():
        (tmp_path / name).write_text(value)
    with pytag(vcenter.base, VCENTER_PASSWORD="", VCENTER_SECRET_PATH=str(tmp_path)) as function:
        assert invoke(function, SPELLINGS[0]).status_code == 204
