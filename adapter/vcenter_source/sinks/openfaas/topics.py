"""The topic map: which functions want which topics, from the gateway's own lists. Pure.

Read from a function's annotations, as OpenFaaS's connector SDK does:

    topic             topics, separated by commas; ``*`` in one stands for anything
    topic-subject     only events whose subject is one of these: ``ResourcePool:*, Folder:group-v3``
    topic-body        cloudevent, router or connector, whatever the topic's spelling says
    topic-invocation  sync or async, whatever the setting says

OpenFaaS's own ``com.openfaas.queue`` names the queue of a function that has one of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from vcenter_source.settings.openfaas import Invocation
from vcenter_source.sinks.openfaas.topic_names import Form, Name

MAX_REMEMBERED = 4096
"""Names of events whose matches are kept until the map is read anew: vCenter knows some 2,000."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that wants events. ``path`` is ``name`` or ``name.namespace``, as the gateway invokes it."""

    path: str
    topics: tuple[str, ...]
    subjects: tuple[str, ...] = ()
    form: Form | None = None
    invocation: Invocation | None = None
    queue: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A function that wants an event: on which of the event's topics, and in what shape."""

    function: Function
    topic: str
    form: Form

    @property
    def path(self) -> str:
        """The function's."""
        return self.function.path


class TopicMap:
    """Functions, found by what an event is called. ``problems`` says what in their annotations means nothing."""

    def __init__(self, functions: Iterable[Function] = (), problems: Iterable[str] = ()) -> None:
        self.functions = {function.path: function for function in functions}
        self.problems = tuple(problems)
        self._exactly: dict[str, list[str]] = defaultdict(list)
        self._loosely: list[str] = []
        for path, function in self.functions.items():
            for topic in function.topics:
                if "*" in topic:
                    self._loosely.append(path)
                else:
                    self._exactly[topic].append(path)
        self._remembered: dict[tuple[Name, ...], tuple[Match, ...]] = {}

    def match(self, names: tuple[Name, ...], subject: str | None) -> list[Match]:
        """The functions that want an event, each once, in the map's order."""
        found = self._remembered.get(names)
        if found is None:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[names] = tuple(self._search(names))
        return [match for match in found if wanted(match.function.subjects, subject)]

    def _search(self, names: tuple[Name, ...]) -> Iterator[Match]:
        exactly = (path for name in names for path in self._exactly.get(name.topic, ()))
        candidates = {*exactly, *self._loosely}
        for path, function in self.functions.items():
            name = first_name(function.topics, names) if path in candidates else None
            if name is not None:
                yield Match(function, name.topic, function.form or name.form)


def first_name(topics: Iterable[str], names: Sequence[Name]) -> Name | None:
    """The event's name that the first of these topics means; where ``*`` means several, the newest spelling."""
    return next((name for topic in topics for name in names if fits(topic, name.topic)), None)


def wanted(subjects: Sequence[str], subject: str | None) -> bool:
    """Whether a function that has this filter wants an event with that subject."""
    return not subjects or (subject is not None and any(fits(pattern, subject) for pattern in subjects))


def fits(pattern: str, text: str) -> bool:
    """Whether a text is what the pattern says, ``*`` being any characters, also none. Case counts.

    Taken piece by piece, each at its first place: no pattern takes long, as a regular expression with many stars can.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def functions_of(listed: Any, namespace: str, problems: list[str]) -> Iterator[Function]:
    """The functions with a topic in the gateway's list of one namespace; what means nothing joins the problems."""
    for each in listed if isinstance(listed, list) else ():
        name = each.get("name") if isinstance(each, dict) else None
        annotations = each.get("annotations") if isinstance(each, dict) else None
        if isinstance(name, str) and name and isinstance(annotations, dict) and "topic" in annotations:
            yield function_of(f"{name}.{namespace}" if namespace else name, annotations, problems)


def function_of(path: str, annotations: Mapping[str, Any], problems: list[str]) -> Function:
    """One function by its annotations."""
    form = chosen(path, annotations, "topic-body", get_args(Form), problems)
    invocation = chosen(path, annotations, "topic-invocation", get_args(Invocation), problems)
    topics = tuple(split(annotations["topic"]))
    if not topics:
        problems.append(f"{path}: the annotation topic names none")
    queue = str(annotations.get("com.openfaas.queue", ""))
    return Function(path, topics, tuple(split(annotations.get("topic-subject"))), form, invocation, queue)


def chosen(path: str, annotations: Mapping[str, Any], name: str, values: Sequence[str], problems: list[str]) -> Any:
    """An annotation that is one of these values; None where it is missing or another."""
    value = annotations.get(name)
    if value is None or value in values:
        return value
    problems.append(f"{path}: the annotation {name} is {value!r:.100}, not {', '.join(values)}")
    return None


def split(listed: Any) -> list[str]:
    """What stands between commas, trimmed, without what is empty."""
    return [each for each in map(str.strip, listed.split(",")) if each] if isinstance(listed, str) else []
