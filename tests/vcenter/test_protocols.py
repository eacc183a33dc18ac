"""SOAP and VI/JSON: each event of a vCenter becomes the same CloudEvent, byte by byte."""

from collections.abc import Iterator

import orjson
import pytest

from tests.support.pyvmomi_page import Filler, support
from tests.support.vcenter import Run, vcenter_client
from vcenter_functions.vcenters_file import Protocol
from vcenter_simulator.accounts import ADMINISTRATOR
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.events.catalog import all_classes
from vcenter_source.events.codec import to_binary
from vcenter_source.events.conversion import Converter
from vcenter_source.events.formats import EventFormat

CLASSES = sorted(name for name, each in all_classes().items() if not each.abstract)

Written = dict[int, tuple[dict[str, str], bytes]]
"""Headers and body in binary mode, by the event's key; an object's properties are in the order of their names."""


@pytest.fixture(scope="module")
def vcenter() -> Iterator[Simulator]:
    """It holds an event of every class, with every property set, and any-typed ones of every type."""
    with run_simulator() as simulator:
        filler, events = Filler(), simulator.vcenter.events
        for name in CLASSES:
            event = filler.object(support.GetWsdlType("urn:vim25", name), depth=4)
            events.post_body(events.body(event, ADMINISTRATOR))
        events.history.rewind_keys(2**31 - 1)
        events.post_body(events.body(event, ADMINISTRATOR))
        yield simulator


async def read_all(url: str, protocol: Protocol, event_format: EventFormat) -> Written:
    async with vcenter_client(url, protocol) as client, client.reader(None, ()) as reader:
        converter, found = Converter("https://vc/sdk", "8.0.3.0", event_format), {}
        while page := await reader.read():
            for event in page:
                headers, body = to_binary(converter.convert(event))
                found[event.key] = headers, orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
        return found


@pytest.mark.parametrize("event_format", ["vcenter", "veba"])
def test_each_class_with_each_property_is_the_same_by_both(
    vcenter: Simulator, run: Run, event_format: EventFormat
) -> None:
    by_soap = run(read_all(vcenter.url, "soap", event_format))
    by_json = run(read_all(vcenter.url, "json", event_format))
    common = by_soap.keys() & by_json.keys()
    assert len(common) >= len(CLASSES)
    assert 2**31 - 1 in common
    assert [key for key in common if by_soap[key] != by_json[key]] == []
