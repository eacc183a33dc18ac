"""The settings of pytag: those of every function, and which tag to attach or detach."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import field_validator, model_validator

from vcenter_functions.server_settings import either, lower
from vcenter_functions.settings import FunctionSettings

TAG_URN = re.compile(r"urn:vmomi:InventoryServiceTag:[^:\s]+:[^:\s]+")


@dataclass(frozen=True, slots=True)
class TagName:
    """Which tag: a urn, or a category's and a tag's name."""

    category: str
    name: str
    urn: str | None = None

    def __str__(self) -> str:
        return self.urn or f"{self.category}/{self.name}"


class Settings(FunctionSettings):
    """Everything that can be set."""

    examples: ClassVar[Mapping[str, str]] = {**FunctionSettings.examples, "TAG": "category/name"}

    tag: Annotated[str, either("TAG")]
    """The tag to attach or detach, as `category/name`, or as its urn where a category's name has a slash. Required. The
    account needs the privileges Assign or Unassign vSphere Tag (a global permission) and Assign or Unassign vSphere Tag
    on Object."""

    tag_action: Annotated[Literal["attach", "detach"], either("TAG_ACTION")] = "attach"
    """What to do with the tag on the object that an event is about: `attach` or `detach`."""

    tag_create: Annotated[bool, either("TAG_CREATE")] = False
    """`true` creates the tag and its category if they are missing; the category is for every type of object, and an
    object may have several of its tags. This needs two more privileges. By default pytag refuses the event (422) if the
    tag is missing, so that you notice a typing error."""

    @field_validator("tag_action", mode="before")
    @classmethod
    def _lower_action(cls, value: Any) -> Any:
        return lower(value)

    @field_validator("tag")
    @classmethod
    def _check_tag(cls, value: str) -> str:
        category, _, name = value.partition("/")
        if not value.isprintable():
            raise ValueError("a name has no line ends or tabs; set category/name")
        if not TAG_URN.fullmatch(value) and not (category.strip() and name.strip()):
            raise ValueError("not a tag; set category/name, or a urn such as urn:vmomi:InventoryServiceTag:<id>:GLOBAL")
        return value

    @model_validator(mode="after")
    def _check_create(self) -> Self:
        if self.tag_create and self.tag_name.urn:
            raise ValueError("TAG_CREATE: a tag named by its urn cannot be created; set TAG to category/name")
        return self

    @property
    def tag_name(self) -> TagName:
        """The tag, taken apart."""
        if TAG_URN.fullmatch(self.tag):
            return TagName("", "", self.tag)
        category, _, name = self.tag.partition("/")
        return TagName(category, name)
