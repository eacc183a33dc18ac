"""The variables of ``vcenter-source function manifest``: settings by ``--env``, secrets by a Secret."""

import os
from pathlib import Path

import pytest

from tests.deploy.function_manifest import HANDLER, NOTED, SETTINGS, one, printed, write
from tests.support.manifest_files import container
from vcenter_source.commands.function.manifest import ManifestRequest, build_manifest
from vcenter_source.core.errors import ConfigurationError


def test_settings_come_from_options_and_secrets_from_a_secret(tmp_path: Path) -> None:
    path = write(tmp_path, SETTINGS)
    made = build_manifest(ManifestRequest(path, environment=["CHANNEL=#ops"]))
    only = container(one("Deployment", printed(path, environment=["CHANNEL=#ops"])))
    assert {"name": "CHANNEL", "value": "#ops"} in only["env"]
    assert {"secretRef": {"name": "stamp"}} in only["envFrom"]
    order = "kubectl -n vcenter-source create secret generic stamp --from-literal=WEBHOOK_URL=…"
    assert made.notes == [f"its secrets come from a Secret: {order}", *NOTED]
    assert made.format().startswith(f"# {made.notes[0]}\n")
    assert printed(path, environment=["CHANNEL=x", 'WORDS=["a"]', "FILE=/only/in/the/pod", "VCENTER_CA_FILE=/likewise"])
    slip = build_manifest(ManifestRequest(path, environment=["CHANNEL=x", "WEBHOK_URL=x"])).notes[1]
    assert slip == "--env WEBHOK_URL is no setting; did you mean WEBHOOK_URL?"


def test_a_variable_that_is_read_at_the_import_counts_for_the_triggers(tmp_path: Path) -> None:
    text = HANDLER.replace('"VmPoweredOnEvent"', "os.environ['EVENT']")
    path, wanted = write(tmp_path, "import os\n" + text), "com.vmware.event.vm.poweredoff"
    trigger = one("Trigger", printed(path, environment=[f"EVENT={wanted}"]))
    assert trigger.spec["filter"] == {"attributes": {"type": wanted}}
    assert "EVENT" not in os.environ


def test_a_setting_of_ones_own_may_be_called_like_one_of_the_server(tmp_path: Path) -> None:
    own = SETTINGS.replace("    channel: str", "    channel: str\n    timeout: float")
    with pytest.raises(ConfigurationError, match="TIMEOUT: a handler's settings require it"):
        printed(write(tmp_path, own), environment=["CHANNEL=x"])
    shared = own.replace("BaseSettings", "ServerSettings").replace(
        "pydantic_settings", "vcenter_functions.server_settings"
    )
    (tmp_path / "stamp" / "handler.py").write_text(shared.replace("    timeout: float\n", ""))
    assert printed(str(tmp_path / "stamp"), environment=["channel=x"])  # the case counts there


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ([], "CHANNEL: a handler's settings require it; use --env CHANNEL=…"),
        (["CHANNEL"], "--env CHANNEL: write a variable and its value"),
        (["=x"], "--env =x: write a variable"),
        (["CHANNEL=x", "WEBHOOK_URL=x"], "--env WEBHOOK_URL: it is a secret"),
        (["CHANNEL=x", "VCENTER_PASSWORD=x"], "--env VCENTER_PASSWORD: it is a secret"),
        (["CHANNEL=x", "PORT=1"], "--env PORT: the manifest sets it"),
        (["CHANNEL=x", "VCENTERS_FILE=/x"], "--env VCENTERS_FILE: use --vcenters"),
        (["CHANNEL=x", "LIMIT=many"], "--env LIMIT=many: set a whole number"),
        (["CHANNEL=x", "WORDS=a,b"], '--env: error parsing value for field "words"'),
        (["CHANNEL=x", "LOG_LEVEL=loud"], "--env LOG_LEVEL=loud: set 'debug', 'info'"),
    ],
)
def test_what_is_wrong_with_its_variables_is_named(environment: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        printed(write(tmp_path, SETTINGS), environment=environment)
    assert str(refused.value).startswith(said)
