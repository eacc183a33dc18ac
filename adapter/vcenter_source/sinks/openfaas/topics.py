"""The topic map: which functions subscribe to which topics, from the gateway's own lists. Pure.

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
from vcenter_source.sinks.openfaas.topic_names import BodyForm, TopicName

MAX_CACHED_NAMES = 4096
"""Names of events whose matches are kept until the map is read anew: vCenter knows some 2,000."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that subscribes to events. ``path`` is ``name`` or ``name.namespace``, as the gateway invokes it."""

    path: str
    topics: tuple[str, ...]
    subjects: tuple[str, ...] = ()
    form: BodyForm | None = None
    invocation: Invocation | None = None
    queue: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A function that wants an event: on which of the event's topics, and with what body."""

    function: Function
    topic: str
    form: BodyForm

    @property
    def path(self) -> str:
        """The function's."""
        return self.function.path


class TopicMap:
    """Functions, found by the names of an event. ``problems`` names annotations with invalid values."""

    def __init__(self, functions: Iterable[Function] = (), problems: Iterable[str] = ()) -> None:
        self.functions = {function.path: function for function in functions}
        self.problems = tuple(problems)
        self._by_topic: dict[str, list[str]] = defaultdict(list)
        self._with_wildcards: list[str] = []
        for path, function in self.functions.items():
            for topic in function.topics:
                if "*" in topic:
                    self._with_wildcards.append(path)
                else:
                    self._by_topic[topic].append(path)
        self._cache: dict[tuple[TopicName, ...], tuple[Match, ...]] = {}

    def match(self, names: tuple[TopicName, ...], subject: str | None) -> list[Match]:
        """Return the functions that want an event, each once, in the map's order."""
        matches = self._cache.get(names)
        if matches is None:
            if len(self._cache) >= MAX_CACHED_NAMES:
                self._cache.clear()
            matches = self._cache[names] = tuple(self._search(names))
        return [match for match in matches if accepts_subject(match.function.subjects, subject)]

    def _search(self, names: tuple[TopicName, ...]) -> Iterator[Match]:
        by_topic = (path for name in names for path in self._by_topic.get(name.topic, ()))
        candidates = {*by_topic, *self._with_wildcards}
        for path, function in self.functions.items():
            name = find_name(function.topics, names) if path in candidates else None
            if name is not None:
                yield Match(function, name.topic, function.form or name.form)


def find_name(topics: Iterable[str], names: Sequence[TopicName]) -> TopicName | None:
    """Return the event's name that the first matching topic means; if ``*`` matches several, the newest spelling."""
    return next((name for topic in topics for name in names if matches_pattern(topic, name.topic)), None)


def accepts_subject(patterns: Sequence[str], subject: str | None) -> bool:
    """Tell whether a function with these subjects wants an event with that one. Without patterns it wants all."""
    return not patterns or (subject is not None and any(matches_pattern(pattern, subject) for pattern in patterns))


def matches_pattern(pattern: str, text: str) -> bool:
    """Tell whether a text matches a pattern, in which ``*`` is any characters, also none. Case counts.

    Each piece between stars is found at its first place, so no pattern takes long, as one of a regular expression can.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    start, end = len(first), len(text) - len(last)
    for piece in middle:
        position = text.find(piece, start, end)
        if position < 0:
            return False
        start = position + len(piece)
    return True


def parse_functions(entries: Any, namespace: str, problems: list[str]) -> Iterator[Function]:
    """Read the functions with a topic from the gateway's list of one namespace. Invalid values go to ``problems``."""
    for entry in entries if isinstance(entries, list) else ():
        name = entry.get("name") if isinstance(entry, dict) else None
        annotations = entry.get("annotations") if isinstance(entry, dict) else None
        if isinstance(name, str) and name and isinstance(annotations, dict) and "topic" in annotations:
            yield parse_function(f"{name}.{namespace}" if namespace else name, annotations, problems)


def parse_function(path: str, annotations: Mapping[str, Any], problems: list[str]) -> Function:
    """Read one function from its annotations."""
    form = parse_choice(path, annotations, "topic-body", get_args(BodyForm), problems)
    invocation = parse_choice(path, annotations, "topic-invocation", get_args(Invocation), problems)
    topics = tuple(split_list(annotations["topic"]))
    if not topics:
        problems.append(f"{path}: the annotation topic is empty")
    queue = str(annotations.get("com.openfaas.queue", ""))
    return Function(path, topics, tuple(split_list(annotations.get("topic-subject"))), form, invocation, queue)


def parse_choice(
    path: str, annotations: Mapping[str, Any], name: str, choices: Sequence[str], problems: list[str]
) -> Any:
    """Return an annotation that has one of these values; None if it is missing or invalid."""
    value = annotations.get(name)
    if value is None or value in choices:
        return value
    problems.append(f"{path}: the annotation {name} is {value!r:.100}, not {', '.join(choices)}")
    return None


def split_list(text: Any) -> list[str]:
    """Split a text at its commas, and drop spaces and empty parts."""
    return [part for part in map(str.strip, text.split(",")) if part] if isinstance(text, str) else []
