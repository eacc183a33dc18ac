"""docs/many.md: its file can be read, its overlay built, and what it says of manifests and rights is so.

That its commands do what they say is shown by tests/conformance/test_apiserver_many.py, on a real API server.
"""

import re
import shutil
from pathlib import Path

import yaml

from tests.docs.pages import README, blocks, page, rows, section, text
from tests.support.kustomize import NEEDED, build
from tests.support.manifest_files import CONFIG, container, read_images
from vcenter_functions.vcenters_file import VcenterEntry, parse_vcenters

AUTHORITY = Path(__file__).parents[1] / "support" / "authority.pem"
TEXT = page("many.md")


def test_the_file_that_it_shows_can_be_read_and_has_every_key(tmp_path: Path) -> None:
    (shown,) = blocks(section(TEXT, "## The file"), "yaml")
    for name in ("west-username", "west-password"):
        (tmp_path / name).write_text("secret")
    shutil.copy(AUTHORITY, tmp_path / "west-ca.crt")
    east, west = parse_vcenters(shown.encode(), tmp_path / "vcenters.yaml")
    assert (east.name, west.start_from) == ("east", "-1h")
    keys = {field.alias or name for name, field in VcenterEntry.model_fields.items()}
    assert set(re.findall(r"^(?:- |  )(\w+):", shown, re.MULTILINE)) == keys - {"insecure"}
    table = rows(section(TEXT, "## The file"))
    assert [key.strip("`") for row in table for key in row[0].split(", ")] == [
        field.alias or name for name, field in VcenterEntry.model_fields.items()
    ]


def test_the_readme_has_its_commands() -> None:
    (shown,) = blocks(section(TEXT, "## Deploy"), "console")
    (*_, readme) = blocks(section(text(README), "## Deploy"), "console")
    assert [line.partition("  ")[0] for line in readme.splitlines()] == shown.splitlines()


@NEEDED
def test_the_overlay_that_it_shows_is_built(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    (shown,) = blocks(section(TEXT, "## Your own names"), "yaml")
    (tmp_path / "kustomization.yaml").write_text(shown)
    made = build(tmp_path)
    assert {manifest.namespace for manifest in made if manifest.kind != "Namespace"} == {"events"}
    deployments = {manifest.name: manifest for manifest in made if manifest.kind == "Deployment"}
    assert deployments["vcenter-source"].spec["replicas"] == 4
    named = {f"{each['newName']}:{each['newTag']}" for each in read_images()}
    assert {container(each)["image"] for each in deployments.values()} < named


@NEEDED
def test_the_rights_that_it_lists_are_those_of_the_role() -> None:
    (role,) = (manifest for manifest in build(CONFIG / "knative-many") if manifest.kind == "Role")
    listed = [row[1].split(", ") for row in rows(section(TEXT, "## What the adapters may do in the cluster"))]
    assert listed == [rule["verbs"] for rule in role.document["rules"]]


def test_what_it_says_of_the_manifests_is_so() -> None:
    deployment = next(
        each
        for each in yaml.safe_load_all((CONFIG / "knative-many" / "source.yaml").read_text())
        if each["kind"] == "Deployment"
    )
    limit = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    assert f"the limit of {limit.removesuffix('Mi')} MiB in" in TEXT
    instance = deployment["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"]
    assert f"-l app.kubernetes.io/instance={instance}\n" in TEXT
    assert f"-l app.kubernetes.io/instance={instance} " in page("uninstall.md")
