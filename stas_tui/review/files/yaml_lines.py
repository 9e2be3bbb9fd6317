"""YAML as mappings and lists that know their lines. Aliases are shared, so nothing grows; tags make no objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stas_tui.review.files.introduced import Unreadable

DEEPEST = 60


class Map(dict[str, Any]):
    """A mapping; `line` is its own line, `lines` those of its keys, from 1."""

    line = 0

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}

    def at(self, key: str) -> int:
        """The line of a key, or of the mapping."""
        return self.lines.get(key, self.line)


class Seq(list[Any]):
    """A list; `lines` are those of its items, from 1."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


def documents(text: str) -> list[Any]:
    """Every document. Raises `Unreadable`."""
    import yaml

    try:
        nodes = list(
            yaml.compose_all(text, Loader=yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)
        )
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise Unreadable(f"no YAML{where}") from None
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    known: dict[int, Any] = {}
    return [_value(node, known, 0) for node in nodes]


def _value(node: Any, known: dict[int, Any], depth: int) -> Any:
    import yaml

    if depth > DEEPEST:
        raise Unreadable("nested too deeply")
    if id(node) in known:
        return known[id(node)]
    if isinstance(node, yaml.MappingNode):
        mapping = known[id(node)] = Map()
        mapping.line = node.start_mark.line + 1
        merged: list[Any] = []
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            name = str(key.value)
            mapping[name] = _value(value, known, depth + 1)
            mapping.lines[name] = key.start_mark.line + 1
        for one in merged:
            other = _value(one, known, depth + 1)
            if isinstance(other, Map):
                for name, value in other.items():
                    if name not in mapping:
                        mapping[name] = value
                        mapping.lines[name] = other.at(name)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        sequence = known[id(node)] = Seq()
        for item in node.value:
            sequence.append(_value(item, known, depth + 1))
            sequence.lines.append(item.start_mark.line + 1)
        return sequence
    if node.tag == "tag:yaml.org,2002:bool" and not node.style:
        return node.value.lower() in ("true", "yes", "on")
    if node.tag == "tag:yaml.org,2002:null":
        return None
    return str(node.value)


def items(value: Any) -> Iterator[tuple[str, Any, int]]:
    """(text, value, line) of a list's items or a mapping's keys; nothing for anything else."""
    if isinstance(value, Seq):
        for item, line in zip(value, value.lines, strict=True):
            yield (item if isinstance(item, str) else ""), item, line
    elif isinstance(value, Map):
        for key, item in value.items():
            yield key, item, value.at(key)


def mapping(value: Any) -> Map:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Map) else Map()
