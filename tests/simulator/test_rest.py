"""The simulated vCenter's tagging, in both dialects, over real HTTP."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import loopback
from tests.support.pytag import BOTH, POOL, RestVcenter, rest_vcenter
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD, READER
from vcenter_simulator.rest.dialect import DialectName

HEADER = "vmware-api-session-id"
OBJECT = {"object_id": {"type": POOL[0], "id": POOL[1]}}
URN = re.compile(r"urn:vmomi:InventoryService(Category|Tag):[0-9a-f-]{36}:GLOBAL")


class Client:
    """A client as the reference describes one, free of pytag's own."""

    def __init__(self, served: RestVcenter, dialect: DialectName) -> None:
        self.world = served
        self.wrapped = dialect == "rest"
        self.http = loopback.Client(base_url=served.base, trust_env=False)
        self.session_path = "/rest/com/vmware/cis/session" if self.wrapped else "/api/session"
        self.base = "/rest/com/vmware/cis/tagging" if self.wrapped else "/api/cis/tagging"

    def log_in(self, username: str = ADMINISTRATOR, password: str = PASSWORD) -> httpx.Response:
        headers = {"vmware-use-header-authn": "true"}
        response = self.http.post(self.session_path, auth=(username, password), headers=headers)
        if response.is_success:
            self.http.headers[HEADER] = self.value(response)
        return response

    def session(self) -> httpx.Response:
        if self.wrapped:
            return self.http.post(f"{self.session_path}?~action=get")
        return self.http.get(self.session_path)

    def value(self, response: httpx.Response) -> Any:
        return response.json()["value"] if self.wrapped else response.json()

    def call(
        self, method: str, resource: str, item: str = "", action: str = "", body: dict[str, Any] | None = None
    ) -> httpx.Response:
        path = f"{self.base}/{resource}" + (f"/{'id:' if self.wrapped else ''}{item}" if item else "")
        params = {"~action" if self.wrapped else "action": action} if action else {}
        return self.http.request(method, path, params=params, json=body)

    def create(self, resource: str, **spec: Any) -> httpx.Response:
        return self.call("POST", resource, body={"create_spec": spec} if self.wrapped else spec)

    def category(self, name: str = "owner", cardinality: str = "MULTIPLE", types: tuple[str, ...] = ()) -> str:
        response = self.create(
            "category", name=name, description="", cardinality=cardinality, associable_types=list(types)
        )
        return str(self.value(response))

    def tag(self, category: str, name: str = "pytag") -> str:
        return str(self.value(self.create("tag", name=name, description="", category_id=category)))

    def attach(self, tag: str, body: dict[str, Any] = OBJECT) -> httpx.Response:
        return self.call("POST", "tag-association", tag, "attach", body)

    def attached(self) -> Any:
        return self.value(self.call("POST", "tag-association", action="list-attached-tags", body=OBJECT))

    def error(self, response: httpx.Response) -> tuple[int, str, str]:
        """The status, the kind, and the first message of an error body, whose whole shape is checked."""
        body = response.json()
        if self.wrapped:
            assert set(body) == {"type", "value"}
            kind, messages = body["type"], body["value"]["messages"]
            assert kind.startswith("com.vmware.vapi.std.errors.")
            kind = kind.rpartition(".")[2]
        else:
            assert set(body) == {"error_type", "messages"}
            kind, messages = body["error_type"].lower(), body["messages"]
        assert set(messages[0]) == {"id", "default_message", "args"}
        return response.status_code, kind, messages[0]["default_message"]


@pytest.fixture(scope="module")
def served() -> Iterator[RestVcenter]:
    with rest_vcenter() as made:
        yield made


@pytest.fixture(params=BOTH)
def client(request: pytest.FixtureRequest, served: RestVcenter) -> Iterator[Client]:
    served.renew()
    made = Client(served, request.param)
    made.log_in()
    yield made
    made.http.close()


def test_a_session_can_be_opened_asked_and_closed(client: Client) -> None:
    assert client.log_in().status_code == (200 if client.wrapped else 201)
    session = client.value(client.session())
    assert session["user"] == ADMINISTRATOR
    assert session["created_time"].endswith("Z")
    assert client.http.delete(client.session_path).status_code == (200 if client.wrapped else 204)
    assert client.session().status_code == 401


def test_a_session_is_also_known_by_its_cookie(client: Client) -> None:
    del client.http.headers[HEADER]
    client.http.post(client.session_path, auth=(ADMINISTRATOR, PASSWORD))
    assert client.call("GET", "tag").status_code == 200


@pytest.mark.parametrize(
    "authorization", ["", "Basic !", "Basic bm9jb2xvbg==", "Bearer x", "Basic /w=="], ids=lambda value: value or "none"
)
def test_without_credentials_there_is_no_session(client: Client, authorization: str) -> None:
    response = client.http.post(client.session_path, headers={"authorization": authorization})
    assert client.error(response)[:2] == (401, "unauthenticated")
    assert response.headers["www-authenticate"].startswith("Basic")


def test_a_wrong_password_is_refused(client: Client) -> None:
    assert client.error(client.log_in(password="wrong"))[:2] == (401, "unauthenticated")


def test_expired_sessions_and_soap_sessions_are_not_accepted(client: Client) -> None:
    vcenter = client.world.vcenter
    vcenter.sessions.close_all()
    assert client.error(client.call("GET", "category"))[:2] == (401, "unauthenticated")
    account = vcenter.accounts.check(ADMINISTRATOR, PASSWORD)
    assert account is not None
    client.http.headers[HEADER] = vcenter.sessions.open(account, "vim").token
    assert client.call("GET", "category").status_code == 401


def test_categories_and_tags_are_made_found_changed_and_deleted(client: Client) -> None:
    category = client.category()
    tag = client.tag(category)
    assert URN.fullmatch(category)
    assert URN.fullmatch(tag)
    assert client.value(client.call("GET", "category")) == [category]
    assert client.value(client.call("GET", "tag")) == [tag]
    assert client.value(client.call("GET", "tag", tag)) == {
        "id": tag,
        "name": "pytag",
        "description": "",
        "category_id": category,
        "used_by": [],
    }
    change = {"name": "renamed"}
    assert client.call("PATCH", "tag", tag, body={"update_spec": change} if client.wrapped else change).is_success
    assert client.value(client.call("GET", "tag", tag))["name"] == "renamed"
    assert client.call("DELETE", "category", category).status_code == (200 if client.wrapped else 204)
    assert client.call("GET", "tag", tag).status_code == 404


def test_a_category_only_grows(client: Client) -> None:
    category = client.category(types=("VirtualMachine",))

    def change(**spec: Any) -> httpx.Response:
        return client.call("PATCH", "category", category, body={"update_spec": spec} if client.wrapped else spec)

    assert change(associable_types=["VirtualMachine", "ResourcePool"], name="all").is_success
    found = client.value(client.call("GET", "category", category))
    assert (found["name"], found["cardinality"], found["associable_types"], found["used_by"]) == (
        "all",
        "MULTIPLE",
        ["VirtualMachine", "ResourcePool"],
        [],
    )
    assert client.error(change(associable_types=["ResourcePool"]))[:2] == (400, "invalid_argument")
    assert client.error(change(cardinality="SINGLE"))[:2] == (400, "invalid_argument")


def test_the_tags_of_a_category_are_listed(client: Client) -> None:
    category, other = client.category("a"), client.category("b")
    tags = [client.tag(category, "one"), client.tag(category, "two")]
    client.tag(other)
    item, body = (category, None) if client.wrapped else ("", {"category_id": category})
    response = client.call("POST", "tag", item, "list-tags-for-category", body)
    assert client.value(response) == tags


def test_a_tag_is_attached_listed_and_detached(client: Client) -> None:
    tag = client.tag(client.category())
    for _ in range(2):  # twice is a no-op
        response = client.attach(tag)
        assert (response.status_code, response.content) == (200 if client.wrapped else 204, b"")
    assert client.attached() == [tag]
    listed = client.call("POST", "tag-association", tag, "list-attached-objects")
    assert client.value(listed) == [OBJECT["object_id"]]
    for _ in range(2):
        assert client.call("POST", "tag-association", tag, "detach", OBJECT).is_success
    assert client.attached() == []


def test_the_tag_may_stand_in_the_body_as_older_clients_have_it(client: Client) -> None:
    tag = client.tag(client.category())
    response = client.call("POST", "tag-association", "", "attach", {"tag_id": tag, **OBJECT})
    if not client.wrapped:
        assert client.error(response)[:2] == (400, "invalid_argument")
        return
    assert (response.status_code, response.content) == (200, b"")
    listed = client.call("POST", "tag-association", "", "list-attached-objects", {"tag_id": tag})
    assert client.value(listed) == [OBJECT["object_id"]]
    unknown = client.call("POST", "tag-association", "", "attach", {"tag_id": "urn:none", **OBJECT})
    assert client.error(unknown)[:2] == (404, "not_found")
    assert client.call("POST", "tag-association", "", "detach", {"tag_id": tag, **OBJECT}).is_success
    assert client.attached() == []


def test_a_destroyed_object_carries_nothing(client: Client) -> None:
    tag = client.tag(client.category())
    client.attach(tag)
    inventory = client.world.vcenter.inventory
    inventory.destroy(inventory.objects[POOL[1]])
    assert client.value(client.call("POST", "tag-association", tag, "list-attached-objects")) == []


def test_an_unknown_tag_is_not_found(client: Client) -> None:
    urn = "urn:vmomi:InventoryServiceTag:00000000-0000-0000-0000-000000000000:GLOBAL"
    for response in (client.attach(urn), client.call("GET", "tag", urn), client.call("DELETE", "tag", urn)):
        assert client.error(response) == (404, "not_found", f"Tagging object {urn} not found")


def test_one_tag_alone_in_a_category_of_cardinality_single(client: Client) -> None:
    category = client.category(cardinality="SINGLE")
    first, second = client.tag(category, "first"), client.tag(category, "second")
    assert client.attach(first).is_success
    assert client.attach(first).is_success
    assert client.error(client.attach(second)) == (400, "invalid_argument", "Tagging cardinality violation")
    assert client.attached() == [first]


@pytest.mark.parametrize("types", [("VirtualMachine",), ("urn:vim25:VirtualMachine",)])
def test_a_category_admits_its_types_alone(client: Client, types: tuple[str, ...]) -> None:
    tag = client.tag(client.category(types=types))
    assert client.error(client.attach(tag))[:2] == (400, "invalid_argument")
    assert client.attach(tag, {"object_id": {"type": "VirtualMachine", "id": "vm-15"}}).is_success


def test_a_missing_object_looks_like_a_missing_privilege(client: Client) -> None:
    tag = client.tag(client.category())
    gone = {"object_id": {"type": "ResourcePool", "id": "resgroup-999"}}
    assert client.error(client.attach(tag, gone))[:2] == (403, "unauthorized")
    wrong_type = {"object_id": {"type": "VirtualMachine", "id": POOL[1]}}
    assert client.attach(tag, wrong_type).status_code == 403


def test_a_reader_reads_and_changes_nothing(client: Client) -> None:
    category = client.category()
    tag = client.tag(category)
    client.log_in(READER)
    assert client.value(client.call("GET", "tag", tag))["name"] == "pytag"
    assert client.attached() == []
    refused = [
        client.attach(tag),
        client.create("category", name="x", description="", cardinality="SINGLE", associable_types=[]),
        client.create("tag", name="x", description="", category_id=category),
        client.call("DELETE", "tag", tag),
    ]
    assert [client.error(response)[:2] for response in refused] == [(403, "unauthorized")] * 4


def test_names_are_unique(client: Client) -> None:
    category = client.category()
    client.tag(category)
    again = client.create("category", name="owner", description="", cardinality="SINGLE", associable_types=[])
    assert client.error(again)[:2] == (400, "already_exists")
    again = client.create("tag", name="pytag", description="", category_id=category)
    assert client.error(again)[:2] == (400, "already_exists")


def test_what_makes_no_sense_is_an_invalid_argument(client: Client) -> None:
    tag = client.tag(client.category())
    nonsense = [
        client.create("category", name="x", description="", cardinality="MANY", associable_types=[]),
        client.create("category", name="x", description="", cardinality="SINGLE"),
        client.create("category", name="", description="", cardinality="SINGLE", associable_types=[]),
        client.attach(tag, {}),
        client.attach(tag, {"object_id": "vm-15"}),
        client.call("POST", "tag-association", tag, "polish", OBJECT),
        client.call("POST", "tag-association", action="polish", body=OBJECT),
        client.http.post(f"{client.base}/tag", content="{"),
        client.http.post(f"{client.base}/tag", content="[]"),
    ]
    assert {client.error(response)[:2] for response in nonsense} == {(400, "invalid_argument")}


def test_a_batch_answers_200_and_says_what_failed(client: Client) -> None:
    good, bad = client.tag(client.category()), "urn:vmomi:InventoryServiceTag:none:GLOBAL"
    response = client.call(
        "POST", "tag-association", action="attach-multiple-tags-to-object", body=OBJECT | {"tag_ids": [good, bad]}
    )
    result = client.value(response)
    assert (response.status_code, result["success"]) == (200, False)
    assert [message["id"] for message in result["error_messages"]] == ["cis.tagging.objectNotFound.error"]
    objects = {"object_ids": [OBJECT["object_id"]]}
    listed = client.call("POST", "tag-association", action="list-attached-tags-on-objects", body=objects)
    assert client.value(listed) == [{"object_id": OBJECT["object_id"], "tag_ids": [good]}]
    listed = client.call("POST", "tag-association", action="list-attached-objects-on-tags", body={"tag_ids": [good]})
    assert client.value(listed) == [{"tag_id": good, "object_ids": [OBJECT["object_id"]]}]
    body = OBJECT | {"tag_ids": [good]}
    gone = client.call("POST", "tag-association", action="detach-multiple-tags-from-object", body=body)
    assert client.value(gone) == {"success": True, "error_messages": []}
    assert client.value(client.call("POST", "tag-association", good, "attach-tag-to-multiple-objects", objects)) == {
        "success": True,
        "error_messages": [],
    }
    assert client.attached() == [good]


def test_a_dialect_can_be_left_out(served: RestVcenter) -> None:
    served.renew(("rest",))
    with loopback.Client(base_url=served.base, trust_env=False) as http:
        assert http.post("/api/session").status_code == 404
        assert http.post("/rest/com/vmware/cis/session").status_code == 401
