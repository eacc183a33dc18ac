"""``python -m tests.ui.screenshots FOLDER``: pictures of the viewer, to look at and for the docs."""

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.viewer import LoneViewer, make_event, run_viewer_alone
from tests.ui.browser import FLAGS, ROWS, chromium

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
# type | classes | severity | weight | message
KINDS = [
    line.split(" | ")
    for line in """\
vm.poweredon | VmPoweredOnEvent,VmEvent | INFO | 9 | {vm} on {host} in DC0 is powered on
vm.poweredoff | VmPoweredOffEvent,VmEvent | INFO | 5 | {vm} on {host} in DC0 is powered off
vm.migrated | VmMigratedEvent,VmEvent | INFO | 7 | {vm} was migrated from {host} to esx-07 in DC0
vm.failedtopoweron | VmFailedToPowerOnEvent,VmEvent | ERROR | 1 | Cannot power on {vm} on {host}: not enough memory
task.event | TaskEvent | INFO | 8 | Task: Reconfigure virtual machine
session.userlogin | UserLoginSessionEvent,SessionEvent | INFO | 4 | User logged in as VMware-client/8.0
host.connectionlost | HostConnectionLostEvent,HostEvent | ERROR | 1 | Host {host} in DC0 is not responding
resourcepool.created | ResourcePoolCreatedEvent,ResourcePoolEvent | INFO | 3 | Created resource pool {vm} in Cluster0
datastore.fileuploaded | DatastoreFileUploadedEvent,DatastoreEvent | WARN | 2 | {vm}.vmdk was uploaded from {host}
ex.esx.problem.net.connectivity.lost | EventEx | WARN | 1 | Lost network connectivity on {host}, uplink vmnic2
""".splitlines()
]
USERS = [
    "VSPHERE.LOCAL\\Administrator",
    "VSPHERE.LOCAL\\vpxd-extension",
    "EXAMPLE\\mira",
    "EXAMPLE\\backup",
    "EXAMPLE\\jun",
]
NAMES = ["web", "db", "cache", "batch", "build", "mail", "queue"]


def events(number: int, now: datetime) -> Iterator[Any]:
    """Made-up events of the last minutes, always the same."""
    chance = random.Random(7)
    for key in range(1, number + 1):
        kind, classes, severity, _, message = chance.choices(KINDS, [int(kind[3]) for kind in KINDS])[0]
        vm, host = f"{chance.choice(NAMES)}-{chance.randint(1, 40):02}", f"esx-{chance.randint(1, 12):02}"
        ago = (number - key) / number * 880 * (0.7 + 0.3 * chance.random())
        event = make_event(
            key, name=vm, message=message.format(vm=vm, host=host), when=now - timedelta(seconds=ago),
            type=f"com.vmware.event.{kind}", severitytext=severity, eventancestors=f"{classes},Event",
            eventname=classes.split(",")[0], traceparent=f"00-{TRACE}-00f067aa0ba902b7-01",
        )  # fmt: skip
        data = event.get_data()
        assert isinstance(data, dict)
        data["userName"] = chance.choice(USERS)
        yield event


class Spans:
    """The trace of an event that was tagged, as the demo shows it."""

    def spans_of(self, _: str) -> list[dict[str, Any]]:
        rows = [
            ("1", "", "CloudEvents Create com.vmware.event.resourcepool.created", "vcenter-source", 0, 9.1),
            ("2", "1", "POST /vcenter-source/default", "vcenter-source", 0.4, 8.2),
            ("3", "2", "broker ingress", "broker", 1.9, 3.3),
            ("4", "3", "trigger tag-new-resource-pools", "broker", 5.4, 61.0),
            ("5", "4", "CloudEvents Process com.vmware.event.resourcepool.created", "pytag", 12.5, 59.2),
            ("b", "5", "tag", "pytag", 12.9, 58.9),
            ("6", "b", "find tag", "pytag", 13.1, 38.4),
            ("7", "6", "GET /api/cis/tagging/category", "pytag", 13.6, 22.8),
            ("8", "6", "GET /api/cis/tagging/tag", "pytag", 23.4, 37.9),
            ("9", "b", "attach tag", "pytag", 38.9, 58.6),
            ("a", "9", "POST /api/cis/tagging/tag-association?action=attach", "pytag", 39.4, 58.1),
        ]
        return [
            {"id": own, "parent": parent, "name": name, "service": service, "failed": False, "attributes": {},
             "start": str(int(start * 1e6)), "end": str(int(end * 1e6))}
            for own, parent, name, service, start, end in rows
        ]  # fmt: skip


def fill(viewer: LoneViewer, number: int) -> None:
    """So many events, the last of them in every state."""
    made = list(events(number, datetime.now(UTC)))
    viewer.do(viewer.status.vcenter.record_success)
    viewer.post(*made[:-12])
    for at, event in enumerate(made[-12:]):
        viewer.post(event, state={2: "dead letter", 7: "retrying", 8: "retrying", 11: "in flight"}.get(at, "delivered"))


def opened(browser: Browser, url: str, scheme: Any, width: int, height: int) -> Page:
    """A page that shows events."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB")
    page.goto(url)
    page.wait_for_selector(ROWS)
    page.wait_for_timeout(1500)
    return page


def main(folder: Path) -> None:
    """All pictures."""
    with sync_playwright() as playwright, run_viewer_alone(spans=Spans()) as viewer, run_viewer_alone() as quiet:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        fill(viewer, 10_000)
        quiet.post(make_event(1))
        opened(browser, viewer.url, "light", 1280, 700).screenshot(path=folder / "viewer.png")
        page = opened(browser, viewer.url, "dark", 1280, 700)
        page.fill("#search", "resource pool")
        page.locator(ROWS).first.click()
        page.click("#tab-timeline")
        page.wait_for_timeout(800)
        page.screenshot(path=folder / "viewer-event.png")
        page.click("#tab-trigger")
        page.wait_for_timeout(800)
        page.screenshot(path=folder / "trigger-dark.png")
        phone = opened(browser, viewer.url, "light", 390, 800)
        phone.screenshot(path=folder / "phone.png")
        phone.locator(ROWS).nth(1).click()
        phone.wait_for_timeout(800)
        phone.screenshot(path=folder / "phone-event.png")
        opened(browser, quiet.url, "dark", 1200, 700).screenshot(path=folder / "one-dark.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
