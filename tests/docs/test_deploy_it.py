"""docs/functions.md, "Deploy it": what it says of ``vcenter-source function manifest`` is so."""

from dataclasses import fields

from tests.docs.pages import blocks, page, section
from vcenter_source.commands.function.manifest import ManifestRequest
from vcenter_source.commands.function.sources import DOCKERFILE
from vcenter_source.commands.function.standard import IMAGE, REGISTRY

MINE = "registry.example.com/team"
"""The registry of a user of the pages."""


def test_the_page_says_what_the_command_says() -> None:
    deploy = section(page("functions.md"), "## Deploy it")
    (dockerfile,) = blocks(deploy, "dockerfile")
    assert tuple(dockerfile.strip().replace(MINE, REGISTRY).splitlines()) == DOCKERFILE
    assert f"export IMAGE={IMAGE.replace(REGISTRY, MINE)}\n$ docker build --target function --tag $IMAGE ." in deploy
    variables = {"namespace": "vcenter-source", "broker": "default"}
    defaults = {each.name: each.default for each in fields(ManifestRequest)}
    for name, value in variables.items():
        assert f"`--{name}` (by default `{value}`)" in deploy
        assert defaults[name] == value
