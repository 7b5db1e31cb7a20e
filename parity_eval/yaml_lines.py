"""YAML without surprises, and where each key stands.

Duplicate keys and tags are refused. Only `true` and `false` are booleans (plain YAML 1.1 reads
`NO` as false), and nothing turns into a date or a base-60 number. Aliases work within limits.
"""

import math
import re
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from parity_eval.errors import ConfigError
from parity_eval.records import JsonValue

Path: TypeAlias = tuple[str | int, ...]

MOST_VALUES = 100_000
"""Values of a document, aliases written out."""
DEEPEST = 100
"""Levels of a document, aliases written out."""

_INT = re.compile(r"[-+]?[0-9]{1,100}")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, JsonValue] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A YAML document and the line of each of its values."""

    data: JsonValue
    lines: dict[Path, int] = field(default_factory=dict)
    """Path of keys and indexes to 1-based line."""

    def line(self, path: Path) -> int:
        """Return the line of a value, or of the nearest thing around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1


def load(text: str, name: str) -> Document:
    """Read one YAML document.

    Args:
        text: The document.
        name: File name for messages.

    Raises:
        ConfigError: not YAML, a duplicate key, a key that is not text, a tag, or a document that
            is too deep or too large.
    """
    try:
        _check_events(text, name)
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{where}: not YAML: {problem}") from error
    lines: dict[Path, int] = {}
    data = None if node is None else _value(node, (), lines, name)
    return Document(data=data, lines=lines)


def _check_events(text: str, name: str) -> None:
    """Refuse what would be slow or misleading to compose."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        tag = getattr(event, "tag", None)
        if tag:
            raise ConfigError(f"{name}:{line}: the tag {tag!r} means nothing here; remove it")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise ConfigError(f"{name}:{line}: nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _value(node: yaml.Node, path: Path, lines: dict[Path, int], name: str) -> JsonValue:
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if len(path) > DEEPEST or len(lines) > MOST_VALUES:
        raise ConfigError(
            f"{name}:{line}: an alias repeats too much: more than {DEEPEST} levels or "
            f"{MOST_VALUES:,} values, all aliases written out"
        )
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, name)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, i), lines, name) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode) and not node.style:
        return _plain(node.value)
    return str(node.value)


def _mapping(
    node: yaml.MappingNode, path: Path, lines: dict[Path, int], name: str
) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = key_node.value
        if not isinstance(key, str):
            raise ConfigError(f"{name}:{line}: a key must be plain text")
        if key in found:
            raise ConfigError(f"{name}:{line}: duplicate key {key!r}; remove one of them")
        lines[(*path, key)] = line
        found[key] = _value(value_node, (*path, key), lines, name)
    return found


def _plain(text: str) -> JsonValue:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
