"""``vcenter-source function manifest``: a cluster takes what it prints, and its pods serve the handlers."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from demo.filters import trigger_matches
from tests.deploy.function_manifest import HANDLER, NO_REGISTRY_NOTE, NOTED, SETTINGS, one, printed, write
from tests.deploy.manifest_schema import faults
from tests.deploy.pod_checks import check_bounded, check_restricted, only_container
from tests.deploy.references import MADE_BY_OTHERS, apply, name_of
from tests.support.kit import kit_process
from tests.support.manifest_files import FOLDERS, container, pod, the
from tests.support.processes import command
from vcenter_functions.registry import load
from vcenter_functions.samples import sample
from vcenter_source.commands.function.manifest import ManifestRequest, build_manifest
from vcenter_source.commands.function.new import create_function
from vcenter_source.commands.function.standard import IMAGE
from vcenter_source.core.errors import ConfigurationError


@pytest.mark.parametrize("text", [HANDLER, SETTINGS], ids=["vcenter", "settings"])
@pytest.mark.parametrize("more", [{}, {"ksvc": True}, {"image": "registry.example.com/stamp:1.2.3"}], ids=str)
def test_a_cluster_takes_it_beside_config_knative(text: str, more: dict[str, Any], tmp_path: Path) -> None:
    manifests = printed(write(tmp_path, text), environment=["CHANNEL=#ops"] if text == SETTINGS else [], **more)
    assert [fault for manifest in manifests for fault in faults(manifest)] == []
    there = MADE_BY_OTHERS | {name_of(manifest) for manifest in FOLDERS["knative"]}
    assert apply(manifests, there | {("Secret", "vcenter-source", "stamp")}) == []
    (workload,) = (manifest for manifest in manifests if "template" in manifest.spec)
    check_restricted(pod(workload))
    check_bounded(pod(workload))
    assert pod(workload)["automountServiceAccountToken"] is False
    for manifest in manifests:
        labels = manifest.document["metadata"]["labels"]
        assert (labels["app.kubernetes.io/name"], labels["app.kubernetes.io/part-of"]) == ("stamp", "vcenter-source")


def test_without_an_image_the_handler_is_mounted_where_the_image_looks_for_it(tmp_path: Path) -> None:
    manifests = printed(write(tmp_path, HANDLER, **{"requirements.txt": "httpx>=0.28\n"}))
    config, only = one("ConfigMap", manifests), container(one("Deployment", manifests))
    assert config.document["data"] == {"handler.py": HANDLER, "requirements.txt": "httpx>=0.28\n"}
    assert (only["image"], only["args"]) == (IMAGE, ["/function/handler.py"])
    (mount,) = (each for each in only["volumeMounts"] if each["name"] == "handler")
    (volume,) = (each for each in pod(one("Deployment", manifests))["volumes"] if each["name"] == "handler")
    assert (mount["mountPath"], volume["configMap"]["name"]) == ("/function", config.name)
    elsewhere = printed(str(tmp_path / "stamp"), base_image="registry.example.com/kit:1")
    request = ManifestRequest(str(tmp_path / "stamp"), base_image="registry.example.com/kit:1")
    assert NO_REGISTRY_NOTE not in build_manifest(request).notes
    assert container(one("Deployment", elsewhere)) == {**only, "image": "registry.example.com/kit:1"}
    with pytest.raises(ConfigurationError, match="--image and --base-image: "):
        printed(str(tmp_path / "stamp"), base_image="x:1", image="y:1")


LOGGING = """
from greetings import GREETING
from vcenter_functions import on
from vcenter_functions.events import VmPoweredOnEvent

@on(VmPoweredOnEvent)
async def stamp(event: VmPoweredOnEvent, log) -> None:
    log.info(GREETING, vm=event.vm.name)
"""


def test_its_container_handles_the_events_of_its_trigger(tmp_path: Path) -> None:
    """From files as the kubelet mounts them: links into a folder that it replaces as a whole."""
    manifests = printed(write(tmp_path, LOGGING, **{"greetings.py": "GREETING = 'welcome'\n"}))
    folder = tmp_path / "function"
    (folder / "..2026_01_31").mkdir(parents=True)
    (folder / "..data").symlink_to("..2026_01_31")
    for name, text in one("ConfigMap", manifests).document["data"].items():
        (folder / "..data" / name).write_text(text)
        (folder / name).symlink_to(f"..data/{name}")
    only, event = container(one("Deployment", manifests)), sample("VmPoweredOnEvent", **{"vm.name": "web-9"})
    assert trigger_matches(one("Trigger", manifests).spec, {k: str(v) for k, v in event.items()})
    variables = {each["name"]: each["value"] for each in only["env"] if "value" in each} | {"PORT": "0"}
    (argument,) = only["args"]
    with kit_process(folder / Path(argument).name, **variables) as (process, url):
        headers = {"content-type": "application/cloudevents+json"}
        answers = [httpx.get(f"{url}/readyz"), httpx.post(url, json=event, headers=headers)]
        process.terminate()
        _, logged = process.communicate(timeout=20)
    assert [answer.status_code for answer in answers] == [200, 204]
    assert (json.loads(logged)["event"], json.loads(logged)["vm"]) == ("welcome", "web-9")
    assert load(folder / "handler.py").name == "function"


def test_it_is_deployed_as_pytag_is(tmp_path: Path) -> None:
    """With its vCenter, its credentials and all, but for its own settings and its ServiceAccount."""
    pytag, ours = the("Deployment", "pytag"), one("Deployment", printed(write(tmp_path, HANDLER)))
    text = yaml.safe_dump(dict(pytag.document)).replace("pytag", "stamp")
    expected = yaml.safe_load(text)["spec"]["template"]["spec"]
    assert expected.pop("serviceAccountName") == "stamp"
    left, right = only_container(expected), only_container(pod(ours))
    own = {"image", "args", "env", "envFrom", "volumeMounts"}
    assert {name: right[name] for name in right if name not in own} == {k: v for k, v in left.items() if k not in own}
    assert [each for each in left["volumeMounts"] if each not in right["volumeMounts"]] == []
    assert [each for each in expected["volumes"] if each not in pod(ours)["volumes"]] == []
    assert [each for each in left["envFrom"] if each not in right["envFrom"]] == [{"configMapRef": {"name": "stamp"}}]
    assert [each for each in left["env"] if each not in right["env"]] == []


def test_it_may_call_and_be_called_as_pytag(tmp_path: Path) -> None:
    ours = one("NetworkPolicy", printed(write(tmp_path, HANDLER))).spec
    pytag = yaml.safe_load(yaml.safe_dump(dict(the("NetworkPolicy", "pytag").spec)).replace("pytag", "stamp"))
    assert {**ours, "egress": opened(ours)} == {**pytag, "egress": opened(pytag)}


def opened(policy: Any) -> list[set[tuple[str, int]]]:
    return [{(port["protocol"], port["port"]) for port in rule["ports"]} for rule in policy["egress"]]


def test_vcenter_is_configured_only_where_a_handler_uses_it(tmp_path: Path) -> None:
    text = HANDLER.replace(", vcenter: VCenter", "")
    only = container(one("Deployment", printed(write(tmp_path, text))))
    assert "vcenter" not in str(only["envFrom"]) + str(only["volumeMounts"])
    assert "VCENTER" not in str(only["env"])


@pytest.mark.parametrize("ksvc", [False, True], ids=["deployment", "ksvc"])
def test_many_vcenters_are_those_of_a_secret(ksvc: bool, tmp_path: Path) -> None:
    kind = "Service" if ksvc else "Deployment"
    workload = one(kind, printed(write(tmp_path, HANDLER), vcenters="others", ksvc=ksvc))
    only = container(workload)
    assert {"name": "VCENTERS_FILE", "value": "/etc/vcenters/vcenters.yaml"} in only["env"]
    assert {"name": "vcenters", "mountPath": "/etc/vcenters", "readOnly": True} in only["volumeMounts"]
    (volume,) = (each for each in pod(workload)["volumes"] if each["name"] == "vcenters")
    assert volume["secret"] == {"secretName": "others", "defaultMode": 0o444 if ksvc else 0o440}
    assert not re.search("VCENTER_|vcenter-c|'name': 'vcenter'", str(workload.document)), "nothing of a single one"


def test_many_vcenters_are_named_by_a_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^--vcenters"):
        printed(write(tmp_path, HANDLER), vcenters="./vcenters.yaml")


def test_a_change_of_any_file_makes_new_pods(tmp_path: Path) -> None:
    path = write(tmp_path, "import words\n" + HANDLER, **{"words.py": "WORD = 1\n"})
    before = one("Deployment", printed(path)).spec["template"]
    assert one("Deployment", printed(path)).spec["template"] == before
    (tmp_path / "stamp" / "words.py").write_text("WORD = 2\n")
    after = one("Deployment", printed(path)).spec["template"]
    assert before["metadata"]["annotations"] != after["metadata"]["annotations"]
    assert one("ConfigMap", printed(path)).document["data"]["words.py"] == "WORD = 2\n"


def test_text_of_any_kind_comes_through(tmp_path: Path) -> None:
    text = f"ODD = '\x85\u2028\u2029\ufeff\x0c\u200b\t😀'  \n# end of it {HANDLER}"
    assert one("ConfigMap", printed(write(tmp_path, text))).document["data"]["handler.py"] == text


def test_options_are_obeyed(tmp_path: Path) -> None:
    path = write(tmp_path, HANDLER)
    given = {"name": "other", "namespace": "there", "broker": "mine", "ports": [587, 443], "ksvc": True}
    manifests = printed(path, environment=["VCENTER_ALIASES=a,b"], **given)
    assert {manifest.namespace for manifest in manifests} == {"there"}
    trigger, ksvc = one("Trigger", manifests), one("Service", manifests)
    assert trigger.spec["broker"] == "mine"
    assert trigger.spec["subscriber"]["ref"] == {
        "apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "other",
    }  # fmt: skip
    assert ksvc.document["apiVersion"] == "serving.knative.dev/v1"
    assert {"name": "VCENTER_ALIASES", "value": "a,b"} in container(ksvc)["env"]
    egress = one("NetworkPolicy", manifests).spec["egress"]
    assert [port["port"] for port in egress[1]["ports"]] == [443, 587]


def test_a_knative_service_has_nothing_that_knative_refuses_by_default(tmp_path: Path) -> None:
    """Its webhook, as knative/serving has it: pkg/apis/serving/fieldmask.go and k8s_validation.go."""
    spec = pod(one("Service", printed(write(tmp_path, HANDLER), ksvc=True)))
    only = only_container(spec)
    assert set(spec) <= {"containers", "volumes", "enableServiceLinks", "automountServiceAccountToken"}
    assert not {each["name"] for each in only["env"]} & {"PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"}
    assert not [each for each in only["env"] if "valueFrom" in each]
    assert [set(port) for port in only["ports"]] == [{"containerPort"}]
    assert {only[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")} == {8080}
    assert set(only["securityContext"]) <= {
        "allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities", "runAsNonRoot", "runAsUser",
        "runAsGroup", "seccompProfile",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "files", "said"),
    [
        ("", {"requirements.txt": "boto3>=1\n"}, "requirements.txt: boto3>=1 is not in the image"),
        ("", {"requirements.txt": "-r more.txt\n"}, "requirements.txt: -r more.txt is not in the image"),
        ("import pytest\n", {}, "handler.py: imports pytest, which is not in the image"),
        ("import other\n", {"other.py": "import typer\n"}, "handler.py: imports typer, which"),
        (
            "import inner\n",
            {"inner/__init__.py": ""},
            "imports inner, a folder, which no ConfigMap holds; build an image",
        ),
        (f"# {'x' * 2**20}\n", {}, "more than a ConfigMap holds (1048576)"),
        ("import nowhere\n", {}, "handler.py:1: ModuleNotFoundError: No module named 'nowhere'"),
        ("def :\n", {}, "handler.py:1: "),
    ],
)
def test_what_only_an_image_can_hold_is_refused(text: str, files: dict[str, str], said: str, tmp_path: Path) -> None:
    path = write(tmp_path, text + HANDLER, **files)
    with pytest.raises(ConfigurationError) as refused:
        printed(path)
    assert said in str(refused.value)
    if "image" in said:
        assert "build an image and name it with --image; its Dockerfile: FROM python:3.13" in str(refused.value)
        assert one("Deployment", printed(path, image="x:1")).kind == "Deployment"
        assert "ConfigMap" not in {manifest.kind for manifest in printed(path, image="x:1")}


def test_what_the_image_has_may_be_imported(tmp_path: Path) -> None:
    lines = (
        "# comment\n\nhttpx[http2]>=0.28 # why\nPydantic_Settings ; python_version > '3'\nvcenter-source[functions]\n"
    )
    imports = "import asyncio, httpx, starlette.routing, pyVmomi\nfrom typing import TYPE_CHECKING\n"
    imports += "if TYPE_CHECKING:\n    import pytest\n"
    assert printed(write(tmp_path, imports + HANDLER, **{"requirements.txt": lines}))


def test_what_function_new_writes_is_deployed_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    create_function("hello", ["VmPoweredOnEvent"])
    with (tmp_path / "hello" / "handler.py").open("a") as file:
        file.write("\n\nprint('loading')\n")
    (tmp_path / "hello" / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "hello" / "inner")
    done = command("function", "manifest", "..")
    assert (done.returncode, done.stderr) == (
        0,
        "".join(["loading\n", *(f"vcenter-source: {each}\n" for each in NOTED)]),
    )
    kinds = [document["kind"] for document in yaml.safe_load_all(done.stdout)]
    assert kinds == ["ConfigMap", "NetworkPolicy", "Deployment", "Service", "Trigger"]
    assert build_manifest(ManifestRequest(str(tmp_path / "hello"))).format() == done.stdout


def test_a_file_that_is_not_there_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = command("function", "manifest", str(tmp_path / "no.py"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"vcenter-source: {tmp_path}/no.py: there is no such file\n"
