"""Dead letters for tests: events, letters, and folders of them."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.envelope import Envelope
from vcenter_source.state.dead_letters import DeadLetters, Reason
from vcenter_source.state.dead_letters.folder import DeadLetterFolder

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def powered_on(name: str = "1", text: str = "größer", **attributes: str) -> CloudEvent:
    """A virtual machine that was powered on; the event's id is ``name``."""
    usual = {
        "id": name,
        "source": "https://vc/sdk",
        "type": "com.vmware.event.vm.poweredon",
        "time": NOW,
        "datacontenttype": "application/json",
        "subject": "VirtualMachine:vm-1",
        "vcentername": "east",
    }
    return CloudEvent(usual | attributes, {"key": 1, "fullFormattedMessage": text})


def cloudevent(name: str = "1", text: str = "größer") -> CloudEvent:
    """The same, with a trace."""
    return powered_on(name, text, traceparent=TRACEPARENT)


REASON = Reason("http://broker/default", "answers 400: no", 400, b"no")


def letter(name: str = "1", text: str = "größer") -> Envelope:
    return Envelope(cloudevent(name, text))


def folder_at(path: Path, max_bytes: int = 2**30) -> DeadLetterFolder:
    return DeadLetterFolder(path, max_bytes, lambda: NOW)


def store(letters: DeadLetters, *some: Envelope) -> None:
    async def all_of_them() -> None:
        for one in some:
            await letters.store(one, REASON)

    asyncio.run(all_of_them())


def names(folder: DeadLetterFolder) -> list[str]:
    return [stored.event.get_id() for stored in folder.read_letters()]
