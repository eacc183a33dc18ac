"""The file that VCENTERS_FILE names: a YAML list of vCenters, which the adapter and the functions share.

    - name: east                                  # required, as all of these three
      url: vcenter-east.example.com
      username: reader@vsphere.local              # or usernameFile, a path
      passwordFile: east-password                 # or password; a path begins at the file's folder
      caFile: east-ca.crt                         # as VCENTER_CA_FILE
      insecure: "true"                            # as VCENTER_INSECURE
      protocol: auto                              # as VCENTER_PROTOCOL; the adapter reads this and the next two
      startFrom: -1h                              # as START_FROM
      eventTypes: "*.vm.*, UserLoginSessionEvent" # as EVENT_TYPES, or a list of them

Every value is a text, whatever it looks like: YAML would make a number of the password 0123, and a date of 2026-01-31.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from vcenter_functions.login import Credentials, CredentialsError, find_credentials, read_secret_file
from vcenter_functions.net.addresses import complete_vcenter_url
from vcenter_functions.net.tls import check_ca_file
from vcenter_functions.origin import parse_server
from vcenter_functions.setting_values import describe_wrong_value
from vcenter_functions.spelling import closest_matches, did_you_mean

log = structlog.get_logger()

T = TypeVar("T")
SETTING = "VCENTERS_FILE"

Protocol = Literal["soap", "json", "auto"]
"""How the adapter speaks to a vCenter: by SOAP, by VI/JSON, or by VI/JSON where it is offered."""

VCENTER_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
"""A vCenter's name: it is part of the names of Kubernetes objects and files, and a value of labels."""

RETRY_REFRESHES = 5
"""A file that was refused is looked at again every so many times, since another file that it names may have come."""

_WANTED = "write a list of vCenters, each with name, url, username and password"

_PATH_KEYS = ("usernameFile", "passwordFile", "caFile")

_CREDENTIAL_KEYS = {
    "VCENTER_USERNAME": "username: not set; set it or usernameFile",
    "VCENTER_PASSWORD": "password: not set; set it or passwordFile",
}
"""What to say where ``find_credentials`` names a setting of the environment."""


class VcentersFileError(ValueError):
    """The file cannot be used. The message is one line that names the setting, and holds no secret."""


@dataclass(frozen=True, slots=True)
class SettingNames:
    """How messages name what may be wrong with a vCenter's settings: by default, the variables of a single one."""

    url: str = "VCENTER_URL"
    ca_file: str = "VCENTER_CA_FILE"
    insecure: str = "VCENTER_INSECURE=true"
    protocol: str = "VCENTER_PROTOCOL"
    account: str = "VCENTER_USERNAME and VCENTER_PASSWORD, or the files in VCENTER_SECRET_PATH"


VARIABLES = SettingNames()
"""The names of the settings of a single vCenter."""


class VcenterEntry(BaseModel):
    """One vCenter of the file. Paths are absolute."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, hide_input_in_errors=True
    )

    name: Annotated[str, Field(pattern=f"^{VCENTER_NAME.pattern}$")]
    url: str
    username: str | None = None
    username_file: Path | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    insecure: bool = False
    protocol: Protocol = "soap"
    start_from: str | None = None
    event_types: str | None = None

    @field_validator("url")
    @classmethod
    def _complete_url(cls, value: str) -> str:
        return complete_vcenter_url(value)

    @field_validator("ca_file")
    @classmethod
    def _check_ca_file(cls, value: Path | None) -> Path | None:
        return check_ca_file(value)

    @field_validator("protocol", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("event_types", mode="before")
    @classmethod
    def _join(cls, value: object) -> object:
        return ",".join(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        if self.username is not None and self.username_file is not None:
            raise ValueError("username and usernameFile are both set; remove one")
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and passwordFile are both set; remove one")
        self.credentials()
        return self

    @property
    def setting_names(self) -> SettingNames:
        """How messages name what may be wrong with this entry."""
        of_entry = f"of {self.name} in {SETTING}"
        return SettingNames(
            f"the url {of_entry}",
            f"the caFile {of_entry}",
            "its insecure to true",
            f"the protocol {of_entry}",
            f"the username and the password {of_entry}",
        )

    def credentials(self) -> Credentials:
        """Return the credentials as they are now; their files are read anew. Raises CredentialsError."""
        username, password = self.username, self.password
        if self.username_file is not None:
            username = _read_non_empty("usernameFile", self.username_file)
        if self.password_file is not None:
            password = SecretStr(_read_non_empty("passwordFile", self.password_file))
        try:
            return find_credentials(self.url, username, password, None)
        except CredentialsError as exc:
            raise CredentialsError(_CREDENTIAL_KEYS.get(str(exc).partition(":")[0], str(exc))) from exc


def _read_non_empty(key: str, file: Path) -> str:
    text = read_secret_file(key, file)
    if not text:
        raise CredentialsError(f"{key}: {file} is empty")
    return text


class VcentersFile(Generic[T]):
    """The file as it was when it last could be used. Kubernetes replaces a mounted Secret under a running process.

    ``parse`` reads its content, and raises VcentersFileError for what cannot be used; ``vcenters`` is what it returned
    last. ``problem`` says why the present content is not used; it is empty while it is. Raises VcentersFileError if
    the file cannot be used at the start.
    """

    def __init__(self, path: Path, parse: Callable[[bytes, Path], T]) -> None:
        self._path = path
        self._parse = parse
        self._content = self._read()
        self.vcenters = parse(self._content, path)
        self.problem = ""
        self._refused: bytes | None = None
        self._refusals = 0
        """How often in a row the content was the one that was refused."""

    def refresh(self) -> bool:
        """Read the file again; return whether the vCenters are others now. A file that cannot be used is logged."""
        try:
            content = self._read()
            is_changed = content != self._content
            if is_changed and self._is_refused_again(content):
                return False
            vcenters = self._parse(content, self._path) if is_changed else self.vcenters
        except VcentersFileError as exc:
            if self.problem != str(exc):
                log.warning("the vCenters stay as they were", reason=str(exc))
            self.problem = str(exc)
            return False
        self._content, self.vcenters, self.problem, self._refused = content, vcenters, "", None
        return is_changed

    def _is_refused_again(self, content: bytes) -> bool:
        """Return whether this content was refused, and is not looked at again yet: certificates are slow to check."""
        self._refusals = self._refusals + 1 if content == self._refused else 0
        self._refused = content
        return self._refusals % RETRY_REFRESHES != 0

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as exc:
            raise VcentersFileError(f"{SETTING}: cannot read {self._path}: {exc.strerror}") from exc


def parse_vcenters(content: bytes, path: Path) -> tuple[VcenterEntry, ...]:
    """Read the vCenters in the content of the file at ``path``. Raises VcentersFileError."""
    entries: list[VcenterEntry] = []
    problems: list[str] = []
    for number, item in enumerate(_load_list(content, path), 1):
        entry, wrong = _parse_entry(item, path.parent)
        problems += [f"entry {number}{_name_in(item)}: {why}" for why in wrong]
        entries += [entry] if entry else []
    problems += _find_duplicates(entries)
    if problems:
        raise VcentersFileError(f"{SETTING}: {path}: {'; '.join(problems)}")
    return tuple(entries)


def _load_list(content: bytes, path: Path) -> list[Any]:
    try:
        document = yaml.load(content, Loader=yaml.BaseLoader)  # noqa: S506  it makes nothing but texts, lists and dicts
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        # The library quotes the line that it cannot read, which may hold a password.
        mark = getattr(exc, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise VcentersFileError(f"{SETTING}: {path} is not YAML{where}; {_WANTED}") from None
    if not isinstance(document, list):
        raise VcentersFileError(f"{SETTING}: {path} holds no list; {_WANTED}")
    if not document:
        raise VcentersFileError(f"{SETTING}: {path} is an empty list; {_WANTED}")
    return document


def _parse_entry(item: Any, folder: Path) -> tuple[VcenterEntry | None, list[str]]:
    """Read one entry of the list; return it, or None and what is wrong with it. Paths begin at ``folder``."""
    if not isinstance(item, dict):
        return None, ["not a vCenter; write name, url, username and password"]
    given = {key: value for key, value in item.items() if value != ""}  # an empty value counts as not set
    paths = {key: folder / given[key] for key in _PATH_KEYS if isinstance(given.get(key), str)}
    try:
        return VcenterEntry(**given | paths), []
    except ValidationError as exc:
        return None, [_explain(error) for error in exc.errors()]


def _name_in(item: Any) -> str:
    """Return the name of an entry in brackets, for messages; nothing where it has none."""
    name = item.get("name") if isinstance(item, dict) else None
    return f" ({name})" if name and isinstance(name, str) else ""


def _explain(error: Any) -> str:
    """Describe a wrong key in a few words, without its value: it may be a secret."""
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    key = str(error["loc"][0])
    if error["type"] == "missing":
        return f"{key}: not set"
    if error["type"] == "extra_forbidden":
        keys = [field.alias or name for name, field in VcenterEntry.model_fields.items()]
        return f"{key}: no such key{did_you_mean(closest_matches(key, keys))}"
    if error["type"] == "string_pattern_mismatch":
        return f"{key}: write up to 63 lower-case letters, digits, - and ."
    if error["type"] in {"string_type", "path_type"}:
        return f"{key}: not a text"
    return f"{key}: {describe_wrong_value(error)}"


def _find_duplicates(entries: Sequence[VcenterEntry]) -> list[str]:
    names = _find_repeated(entry.name for entry in entries)
    servers = [(parse_server(entry.url), entry.name) for entry in entries]
    same = (
        [name for other, name in servers if other == server]
        for server in _find_repeated(server for server, _ in servers)
    )
    return [f"name: {name} is there twice" for name in names] + [
        f"url: {' and '.join(named)} have the same; remove one" for named in same if len(set(named)) > 1
    ]


def _find_repeated(values: Iterable[T]) -> list[T]:
    return [value for value, count in Counter(values).items() if count > 1]
