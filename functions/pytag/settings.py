"""The settings of pytag: those of every function, and which tag to attach or detach."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import field_validator, model_validator

from vcenter_functions.server_settings import either, lower
from vcenter_functions.settings import FunctionSettings
from vcenter_functions.vcenter.tag_names import TagName, parse_tag_name


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
        parse_tag_name(value)
        return value

    @model_validator(mode="after")
    def _check_create(self) -> Self:
        if self.tag_create and self.tag_name.urn:
            raise ValueError("TAG_CREATE: a tag named by its urn cannot be created; set TAG to category/name")
        return self

    @property
    def tag_name(self) -> TagName:
        """The tag, taken apart."""
        return parse_tag_name(self.tag)
