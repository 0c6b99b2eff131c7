"""What plain data does YAML text hold, and on which line does each part stand? Read strictly: nothing is guessed."""

from typing import Any

import yaml

from alignlib.errors import AlignError, Problem

SETTINGS_FILE = "engagement.yml"


def strict_yaml(text: str) -> tuple[Any, dict[tuple[str, ...], int]]:
    """Which plain data does this YAML hold, and on which line does each part stand?

    Every scalar stays text ('NO', '012'). Refuses duplicate keys, anchors, tags, over 1 MB or 20 levels (E-CONFIG).
    """
    if len(text) > 1_000_000:
        raise AlignError(Problem("E-CONFIG", "the file is larger than 1 MB", where=SETTINGS_FILE))
    depth, problems = 0, []
    try:
        events: Any = yaml.parse(text, Loader=yaml.SafeLoader)
        for event in events:  # stops at the first level too many, however many follow
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > 20:
                raise AlignError(fault_at(event.start_mark.line, "nested more than 20 levels deep", "flatten it"))
            if getattr(event, "anchor", None) or getattr(event, "tag", None):
                problems.append(
                    fault_at(event.start_mark.line, "anchors, aliases and tags are not allowed", "write it out")
                )
        node = None if problems else yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0)
        what = f"this is not valid YAML ({getattr(error, 'problem', None) or 'nested too deeply'})"
        raise AlignError(fault_at(line, what, "indent with spaces, quote text that holds ': '")) from error
    lines: dict[tuple[str, ...], int] = {}
    data = _plain_data(node, (), lines, problems) if node else {}
    if problems:
        raise AlignError(problems)
    return data, lines


def _plain_data(node: Any, path: tuple[str, ...], lines: dict[tuple[str, ...], int], problems: list[Problem]) -> Any:
    lines[path] = node.start_mark.line
    if isinstance(node, yaml.ScalarNode):
        return None if node.value in ("", "null", "~") and node.style is None else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain_data(child, (*path, str(i)), lines, problems) for i, child in enumerate(node.value)]
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if key is None or key == "<<":
            problems.append(fault_at(key_node.start_mark.line, "a key must be plain text", "write the value out"))
        elif key in data:
            problems.append(fault_at(key_node.start_mark.line, f"{key!r} is given twice", "keep one of them"))
        else:
            data[key] = _plain_data(value_node, (*path, key), lines, problems)
            lines[(*path, key)] = key_node.start_mark.line
    return data


def fault_at(line: int, what: str, fix: str = "", allowed: str = "") -> Problem:
    """Which problem of engagement.yml stands on this line (counted from 0)?"""
    return Problem("E-CONFIG", what, where=f"{SETTINGS_FILE}, line {line + 1}", allowed=allowed, fix=fix)
