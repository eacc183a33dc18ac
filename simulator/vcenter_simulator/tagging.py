"""Tags as vCenter keeps them: categories, tags in them, and which object carries which. Pure state.

The rules are those of the reference (vSphere Automation API, ``com.vmware.cis.tagging``): names are unique, a category
says which types may carry its tags and whether an object may carry more than one, attaching twice changes nothing.
A missing object is answered like a missing privilege, as vCenter 6.7U3 and later do.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Kind = Literal["not_found", "already_exists", "invalid_argument", "unauthorized", "unauthenticated"]
Reference = tuple[str, str]
"""A managed object reference: its type and its id, ``("ResourcePool", "resgroup-9")``."""

CARDINALITIES = ("SINGLE", "MULTIPLE")


class TaggingError(Exception):
    """A refusal. ``kind`` is the vAPI error's name, ``id`` and ``args`` those of its message."""

    def __init__(self, kind: Kind, id: str, message: str, *args: str) -> None:  # noqa: A002  the name on the wire
        super().__init__(message)
        self.kind = kind
        self.id = id
        self.message = message
        self.arguments = list(args)

    def localizable(self) -> dict[str, Any]:
        """The message as vAPI writes it."""
        return {"id": self.id, "default_message": self.message, "args": self.arguments}

    @classmethod
    def not_found(cls, urn: str) -> "TaggingError":
        """An unknown category or tag."""
        return cls("not_found", "cis.tagging.objectNotFound.error", f"Tagging object {urn} not found", urn)

    @classmethod
    def already_exists(cls, name: str) -> "TaggingError":
        """A name that is taken."""
        return cls("already_exists", "cis.tagging.duplicateName.error", f"Tagging name {name} already exists", name)

    @classmethod
    def invalid(cls, message: str, *args: str) -> "TaggingError":
        """An argument that cannot be right."""
        return cls("invalid_argument", "cis.tagging.badArgument.error", message, *args)

    @classmethod
    def no_session(cls) -> "TaggingError":
        """A request without a session."""
        code = "com.vmware.vapi.endpoint.method.authentication.required"
        return cls("unauthenticated", code, "Authentication required.")

    @classmethod
    def no_permission(cls) -> "TaggingError":
        """No privilege, or (vCenter does not say which) no such object."""
        return cls("unauthorized", "vapi.security.authorization.invalid", "Unable to authorize user")


@dataclass(frozen=True, slots=True)
class Category:
    """A group of tags. No associable type means every type."""

    id: str
    name: str
    description: str
    cardinality: str
    associable_types: tuple[str, ...]

    def admits(self, kind: str) -> bool:
        """Whether an object of this type may carry its tags. Some clients write a type as ``urn:vim25:<type>``."""
        return not self.associable_types or any(t.removeprefix("urn:vim25:") == kind for t in self.associable_types)


@dataclass(slots=True)
class Tag:
    """A tag of a category, and the objects that carry it, in the order of attaching."""

    id: str
    name: str
    description: str
    category_id: str
    objects: dict[Reference, None] = field(default_factory=dict)


def _urn(kind: str) -> str:
    return f"urn:vmomi:InventoryService{kind}:{uuid.uuid4()}:GLOBAL"


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise TaggingError.invalid("The name must not be empty", "name")
    return name


class Tagging:
    """Every category and tag. ``object_exists(type, id)`` says whether the inventory has an object."""

    def __init__(self, object_exists: Callable[[str, str], bool]) -> None:
        self._object_exists = object_exists
        self.categories: dict[str, Category] = {}
        self.tags: dict[str, Tag] = {}

    def category(self, urn: str) -> Category:
        """Raises TaggingError (not_found)."""
        try:
            return self.categories[urn]
        except KeyError:
            raise TaggingError.not_found(urn) from None

    def tag(self, urn: str) -> Tag:
        """Raises TaggingError (not_found)."""
        try:
            return self.tags[urn]
        except KeyError:
            raise TaggingError.not_found(urn) from None

    def create_category(
        self, name: Any, description: str = "", cardinality: Any = "MULTIPLE", types: Any = ()
    ) -> Category:
        """A new category. Raises TaggingError (already_exists, invalid_argument)."""
        if cardinality not in CARDINALITIES:
            raise TaggingError.invalid(f"Unknown cardinality {cardinality}", str(cardinality))
        if not isinstance(types, list | tuple):
            raise TaggingError.invalid("associable_types must be a list", "associable_types")
        if any(other.name == name for other in self.categories.values()):
            raise TaggingError.already_exists(str(name))
        category = Category(_urn("Category"), _name(name), description, cardinality, tuple(types))
        self.categories[category.id] = category
        return category

    def update_category(self, urn: str, **changes: Any) -> None:
        """Change what is named. Types can only be added, and SINGLE can only become MULTIPLE [reference]."""
        category = self.category(urn)
        types = tuple(changes.pop("associable_types", category.associable_types))
        if not set(category.associable_types) <= set(types):
            raise TaggingError.invalid("Associable types cannot be removed", urn)
        if category.cardinality == "MULTIPLE" and changes.get("cardinality") == "SINGLE":
            raise TaggingError.invalid("The cardinality cannot become SINGLE again", urn)
        self.categories[urn] = replace(category, associable_types=types, **changes)

    def delete_category(self, urn: str) -> None:
        """Its tags go along."""
        del self.categories[self.category(urn).id]
        for tag in self.tags_of(urn):
            del self.tags[tag.id]

    def tags_of(self, category_id: str) -> list[Tag]:
        """The tags of a category, which need not exist any more."""
        return [tag for tag in self.tags.values() if tag.category_id == category_id]

    def create_tag(self, category_id: str, name: Any, description: str = "") -> Tag:
        """A new tag. Raises TaggingError (not_found for the category, already_exists, invalid_argument)."""
        category = self.category(category_id)
        if any(other.name == name for other in self.tags_of(category.id)):
            raise TaggingError.already_exists(str(name))
        tag = Tag(_urn("Tag"), _name(name), description, category.id)
        self.tags[tag.id] = tag
        return tag

    def update_tag(self, urn: str, **changes: str) -> None:
        """Change the name or the description."""
        tag = self.tag(urn)
        tag.name = _name(changes.get("name", tag.name))
        tag.description = changes.get("description", tag.description)

    def delete_tag(self, urn: str) -> None:
        """Delete a tag, and detach it from all objects."""
        del self.tags[self.tag(urn).id]

    def attach(self, urn: str, reference: Reference) -> None:
        """Attach a tag; again is a no-op.

        Raises TaggingError for an unknown tag (not_found), an unknown object (unauthorized), a type that the category
        does not admit, and a second tag of a category with cardinality SINGLE (both invalid_argument).
        """
        tag = self.tag(urn)
        self._require_object(reference)
        category = self.category(tag.category_id)
        if not category.admits(reference[0]):
            raise TaggingError.invalid(f"Tag {urn} is not eligible for objects of type {reference[0]}", urn)
        others = (other for other in self._tags_of_category_on(reference, category.id) if other is not tag)
        if category.cardinality == "SINGLE" and any(others):
            raise TaggingError.invalid("Tagging cardinality violation", urn, ":".join(reference))
        tag.objects[reference] = None

    def detach(self, urn: str, reference: Reference) -> None:
        """Detach a tag; one that is not attached is a no-op."""
        tag = self.tag(urn)
        self._require_object(reference)
        tag.objects.pop(reference, None)

    def tags_on(self, reference: Reference) -> list[str]:
        """The urns of the tags on an object."""
        self._require_object(reference)
        return [tag.id for tag in self.tags.values() if reference in tag.objects]

    def objects_with(self, urn: str) -> list[Reference]:
        """The objects that carry a tag. One that was destroyed carries nothing."""
        return [reference for reference in self.tag(urn).objects if self._object_exists(*reference)]

    def _tags_of_category_on(self, reference: Reference, category_id: str) -> list[Tag]:
        return [tag for tag in self.tags_of(category_id) if reference in tag.objects]

    def _require_object(self, reference: Reference) -> None:
        if not self._object_exists(*reference):
            raise TaggingError.no_permission()
