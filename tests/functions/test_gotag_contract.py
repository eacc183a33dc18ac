"""OpenFaaS's first vSphere function, gotag-fn, unchanged: what it reads of a request, and how it then tags.

Its ways are those of the original: embano1/faastagger 1.0.2 reads the object under the key ``moref``, and govmomi 0.19
logs in with Basic and a cookie, names the tag in the body, and takes no status but 200 for a success.
"""

import json
from datetime import UTC, datetime

from tests.support import loopback
from tests.support.pytag import RestVcenter
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_source.core.event import Event, ManagedObjectReference
from vcenter_source.events.conversion import Converter
from vcenter_source.sinks.openfaas.body import build_request
from vcenter_source.sinks.openfaas.topic_names import list_topic_names
from vcenter_source.sinks.openfaas.topics import Function, TopicMap

VM = {"type": "VirtualMachine", "value": "vm-15"}
ROOT = "/rest/com/vmware/cis"


def invocation(topic: str) -> bytes:
    """The body that the shim sends to a function with this topic."""
    data = {"_typeName": "VmPoweredOnEvent", "key": 7, "userName": "jane", "vm": {"name": "web-1", "vm": VM}}
    now = datetime(2026, 1, 31, tzinfo=UTC)
    event = Event("VmPoweredOnEvent", 7, now, ManagedObjectReference(VM["type"], VM["value"]), data)
    cloudevent = Converter(source="https://vcenter.test/sdk", api_version="8.0.3.0").convert(event, None)
    (match,) = TopicMap([Function("gotag.openfaas-fn", (topic,))]).match(list_topic_names(cloudevent), None)
    return build_request(cloudevent, match).body


def gotag(base: str, tag: str, body: bytes, action: str = "attach") -> None:
    """What gotag-fn does with a request."""
    reference = {name.lower(): value for name, value in json.loads(body)["moref"].items()}
    with loopback.Client(base_url=base, headers={"accept": "application/json"}, trust_env=False) as client:

        def call(method: str, path: str, **more: object) -> None:
            answer = client.request(method, ROOT + path, headers={"content-type": "application/json"}, **more)  # type: ignore[arg-type]
            assert answer.status_code == 200, answer.text

        call("POST", "/session", auth=(ADMINISTRATOR, PASSWORD))
        association = {"tag_id": tag, "object_id": {"type": reference["type"], "id": reference["value"]}}
        call("POST", f"/tagging/tag-association?~action={action}", content=json.dumps(association) + "\n")
        call("DELETE", "/session")


def test_the_original_function_tags_what_the_event_is_about(vcenter: RestVcenter) -> None:
    tag = vcenter.tag()
    body = invocation("vm.powered.on")
    gotag(vcenter.base, tag.id, body)
    assert vcenter.tagging.objects_with(tag.id) == [("VirtualMachine", "vm-15")]
    gotag(vcenter.base, tag.id, body, "detach")
    assert vcenter.tagging.objects_with(tag.id) == []
