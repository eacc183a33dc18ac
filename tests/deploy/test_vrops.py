"""config/vrops: the body has the shape of VMware's reference, and goes by the tag that pytag attaches."""

import json
from typing import Any

import pytest
import yaml

from tests.deploy.manifest_schema import check
from tests.support.manifest_files import CONFIG, ROOT, the

# "Create Custom Group" of the vRealize Operations API 8.10 (data structure custom-group), in the words of
# tests/manifest_schema.py. The group's travesalSpecId is VMware's spelling.
CONDITION = {"compareOperator!": "str", "stringValue": "str", "doubleValue": "float"}
RULE = {
    "resourceKindKey!": {"adapterKind!": "str", "resourceKind!": "str"},
    "statConditionRules": [{**CONDITION, "key!": "str"}],
    "propertyConditionRules": [{**CONDITION, "key!": "str"}],
    "resourceNameConditionRules": [{"name!": "str", "compareOperator!": "str"}],
    "relationshipConditionRules": [
        {"name!": "str", "compareOperator!": "str", "relation!": "str", "travesalSpecId": "str"}
    ],
    "resourceTagConditionRules": [{"category!": "str", "compareOperator!": "str", "stringValue!": "str"}],
}
GROUP = {
    "id": "str",
    "resourceKey!": {"name!": "str", "adapterKindKey!": "str", "resourceKindKey!": "str"},
    "autoResolveMembership": "bool",
    "membershipDefinition!": {
        "includedResources": "List[str]",
        "excludedResources": "List[str]",
        "custom-group-properties": "List[object]",
        "rules": [RULE],
    },
}
USED = {"resourceKindKey", "resourceTagConditionRules"}


@pytest.fixture
def group() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CONFIG / "vrops" / "custom-group.json").read_text(encoding="utf-8"))
    return found


def test_the_body_has_the_shape_of_the_reference(group: dict[str, Any]) -> None:
    assert list(check(group, GROUP)) == []
    (first, *_) = group["membershipDefinition"]["rules"]
    first["resourceTagConditionRules"][0]["value"] = first["resourceTagConditionRules"][0].pop("stringValue")
    assert len(list(check(group, GROUP))) == 2


def test_it_is_dynamic_and_goes_by_the_tag_that_pytag_sets(group: dict[str, Any]) -> None:
    stack = yaml.safe_load((ROOT / "functions" / "pytag" / "stack.yml").read_text(encoding="utf-8"))
    tag = the("ConfigMap", "pytag").document["data"]["TAG"]
    assert stack["functions"]["pytag"]["environment"]["TAG"] == tag
    assert group["autoResolveMembership"] is True
    assert tag in group["resourceKey"]["name"]
    rules = group["membershipDefinition"]["rules"]
    for rule in rules:
        category, _, name = tag.partition("/")
        assert rule["resourceTagConditionRules"] == [
            {"category": category, "compareOperator": "EQ", "stringValue": name}
        ]
        assert not any(conditions for key, conditions in rule.items() if key not in USED)
    kinds = [rule["resourceKindKey"]["resourceKind"] for rule in rules]
    assert len(set(kinds)) == len(kinds)
    assert {"ResourcePool", "VirtualMachine"} <= set(kinds)
    assert {rule["resourceKindKey"]["adapterKind"] for rule in rules} == {"VMWARE"}


def test_the_document_speaks_of_this_tag_and_its_other_way_has_the_shape_too(group: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "vrops.md").read_text(encoding="utf-8")
    tag = the("ConfigMap", "pytag").document["data"]["TAG"]
    assert f"$ vcenter-source tagged {tag}\n" in text
    instead = json.loads("{" + text.partition("```json\n")[2].partition("\n```")[0] + "}")
    (rule, *_) = group["membershipDefinition"]["rules"]
    assert list(check({**rule, **instead}, RULE)) == []
    assert instead["propertyConditionRules"][0]["stringValue"] == tag.partition("/")[2]
