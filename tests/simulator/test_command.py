"""``python -m vcenter_simulator`` as it is started: TLS, the line that says it listens, how it ends."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pyVim.connect import Disconnect, SmartConnect

from tests.support import loopback
from tests.support.processes import SLOW, process
from vcenter_simulator.testing import run_simulator


def test_tls_with_a_certificate_that_can_be_trusted(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    with run_simulator(tls=True, trust_cert=certificate) as simulator:
        port = int(simulator.base.rpartition(":")[2])
        trusting = ssl.create_default_context(cafile=str(certificate))
        account = {"user": "administrator@vsphere.local", "pwd": "VMware1!"}
        service = SmartConnect(host="localhost", port=port, sslContext=trusting, **account)
        Disconnect(service)
        with pytest.raises(httpx.ConnectError, match="self-signed certificate"):
            loopback.get(simulator.url)


def test_the_command_says_where_it_listens_and_ends_quietly() -> None:
    command = [sys.executable, "-m", "vcenter_simulator", "--port", "0", "--password", "it's", "--rate", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        first = simulator.stdout.readline()
        exports = [simulator.stdout.readline().rstrip() for _ in range(2)]
        url = first.removeprefix("simulator ready: ").strip()
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as broken_off:
            broken_off.sendall(b"POST /sdk HTTP/1.1\r\nHost: vcenter\r\nContent-Length: 9\r\n\r\n<")
        assert loopback.get(f"{url}/vimServiceVersions.xml").status_code == 200
        simulator.terminate()
        out, err = simulator.communicate(timeout=10)
    assert (first[:24], simulator.returncode, out, err) == ("simulator ready: http://", 0, "", "")
    account = "USERNAME=administrator@vsphere.local {0}_PASSWORD='it'\"'\"'s'"
    assert exports == [f"export {client}_URL={url} {client}_{account.format(client)}" for client in ("VCENTER", "GOVC")]


def test_the_lines_to_paste_name_the_certificate(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    with process("vcenter_simulator", "--port", "0", "--tls", "--trust-cert", str(certificate)) as simulator:
        assert simulator.stdout is not None
        lines = [simulator.stdout.readline().rstrip() for _ in range(3)]
    assert lines[1].endswith(f" VCENTER_CA_FILE={certificate}")
    assert lines[2].endswith(" GOVC_INSECURE=true")


def test_the_port_is_always_the_same_unless_another_is_asked_for() -> None:
    command = [sys.executable, "-m", "vcenter_simulator", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "(default: 8989)" in shown


def test_a_journal_makes_it_the_same_vcenter_after_a_kill(tmp_path: Path) -> None:
    def run(count: int) -> list[dict[str, object]]:
        with process("vcenter_simulator", "--port", "0", "--journal", str(tmp_path / "journal")) as simulator:
            assert simulator.stdout is not None
            base = simulator.stdout.readline().removeprefix("simulator ready: ").strip().removesuffix("/sdk")
            loopback.post(f"{base}/simulator/events", json={"count": count}).raise_for_status()
            held: list[dict[str, object]] = loopback.get(f"{base}/simulator/events").json()
            simulator.kill()
        return held

    first = run(3)
    assert [event["key"] for event in first] == [1, 2, 3]
    second = run(2)
    assert second[:3] == first
    assert [event["key"] for event in second] == [1, 2, 3, 4, 5]


def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "vcenter_simulator", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"simulator: cannot listen on 127.0.0.1:{port}: Address already in use; --port 0 takes any free one\n"
    )


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_it_still_loads_ends_it_quietly(tmp_path: Path, by: signal.Signals, code: int) -> None:
    (tmp_path / "pyVmomi.py").write_text(SLOW)
    command, variables = [sys.executable, "-m", "vcenter_simulator"], {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as simulator:
        assert simulator.stdout is not None
        assert simulator.stdout.readline() == "loading\n"
        simulator.send_signal(by)
        assert (*simulator.communicate(timeout=10), simulator.returncode) == ("", "", code)


def refusal(*arguments: str) -> tuple[int, str]:
    """How the command ends with these arguments, and its one line on standard error."""
    with process("vcenter_simulator", "--port", "0", *arguments) as simulator:
        printed, said = simulator.communicate(timeout=20)
    assert (printed, said.count("\n")) == ("", 1), said
    return simulator.returncode, said.rstrip("\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "99999"], "argument --port: '99999' is not a port; set 0 to 65535"),
        (["--port", "http"], "argument --port: 'http' is not a port; set 0 to 65535"),
        (["--backlog", "-1"], "argument --backlog: '-1' is not a whole number of 0 or more"),
        (["--objects", "3"], "argument --objects: '3' is too few; there are always 4"),
        (["--rate", "-0.5"], "argument --rate: '-0.5' is not a number of 0 or more"),
        (["--rate", "inf"], "argument --rate: 'inf' is not a number of 0 or more"),
        (["--latency", "soon"], "argument --latency: 'soon' is not a number of 0 or more"),
        (["--host", "nohost.invalid"], "cannot listen on nohost.invalid:0: "),
        (["--tls", "--trust-cert", "/nowhere/cert.pem"], "cannot write /nowhere/cert.pem: No such file or directory"),
        (["--trust-cert", "/nowhere/cert.pem"], "--trust-cert needs --tls"),
        (["--releases", "7.0"], "argument --releases: '7.0' is not a release; there are 8.0.3.0, 8.0.2.0, 8.0.1.0"),
        (["--journal", "/nowhere/journal"], "cannot write /nowhere/journal: No such file or directory"),
    ],
)
def test_a_wrong_option_is_said_in_one_line(arguments: list[str], message: str) -> None:
    code, said = refusal(*arguments)
    assert code == 2
    assert said.startswith(f"simulator: {message}")
    assert "Unknown error" not in said


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_an_ipv6_address_is_served_and_printed_as_one(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    with run_simulator(host="::1", tls=True, trust_cert=certificate) as simulator:
        assert simulator.url.startswith("https://[::1]:")
        trusting = ssl.create_default_context(cafile=str(certificate))
        assert httpx.get(f"{simulator.url}/vimServiceVersions.xml", verify=trusting).status_code == 200
