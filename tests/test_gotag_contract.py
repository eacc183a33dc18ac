"""The way of OpenFaaS's original gotag-fn: the key ``moref`` of the connector's body, and tags over /rest.

It is built with govmomi 0.19, which names the tag in the body of ``tag-association?~action=attach``.
"""

import json

import httpx

from adapter.cloudevent import Converter
from adapter.openfaas.body import request
from adapter.openfaas.names import names_of
from adapter.openfaas.topics import Function, TopicMap
from simulator.accounts import ADMINISTRATOR, PASSWORD
from tests.openfaas_support import vcenter_event
from tests.pytag_support import POOL, world


def sent_to_gotag() -> bytes:
    """What a function with a topic of the vcenter-connector's is sent when a resource pool was made."""
    pool = {"name": "new", "resourcePool": {"type": POOL[0], "value": POOL[1]}}
    made = Converter(source="https://vcenter.test/sdk", api_version="8.0.3.0")
    event = made.convert(vcenter_event("ResourcePoolCreatedEvent", POOL, resourcePool=pool), None)
    functions = TopicMap([Function("gotag-fn.openfaas-fn", ("resource.pool.created",))])
    (match,) = functions.match(names_of(event), event.get_subject())
    return request(event, match).body


def test_gotag_fn_finds_the_object_under_moref_and_tags_it_in_the_older_spelling() -> None:
    reference = json.loads(sent_to_gotag())["moref"]
    with world() as vcenter, httpx.Client(base_url=f"{vcenter.base}/rest/com/vmware/cis", trust_env=False) as client:
        tag = vcenter.tag()
        login = client.post("/session", auth=(ADMINISTRATOR, PASSWORD))
        headers = {"vmware-api-session-id": login.json()["value"]}
        spec = {"tag_id": tag.id, "object_id": {"type": reference["Type"], "id": reference["Value"]}}
        client.post("/tagging/tag-association?~action=attach", headers=headers, json=spec).raise_for_status()
        assert list(vcenter.tagging.tags_on(POOL)) == [tag.id]
