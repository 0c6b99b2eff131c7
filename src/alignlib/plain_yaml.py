"""What plain data does YAML text hold, and on which line does each part stand? Read strictly: nothing is guessed."""

import difflib
import errno
import re
from pathlib import Path
from typing import Any, cast, get_args

import yaml

from alignlib.errors import AlignError, Problem

SETTINGS_FILE = "engagement.yml"
# Letters of a file, its values and brackets, their levels, and how many anchors and tags are told at once.
MOST_TEXT, MOST_PARTS, DEEPEST, MOST_FAULTS = 1_000_000, 100_000, 20, 20

Fault = tuple[int, str, str]  # on which line, counted from 0, what is wrong, and what to do
_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where it is there: in a tenth of the time
_ODD = re.compile("[\t\ufeff\x85\u2028\u2029]")  # blanks and ends of lines that the two do not take alike


def yaml_text(path: Path) -> str:
    """Which text does a YAML file hold, or so much of it that ``strict_yaml`` refuses the rest? Raises OSError."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no ordinary file")
    with path.open(encoding="utf-8") as handle:
        return handle.read(MOST_TEXT + 1)


def strict_yaml(text: str, name: str = SETTINGS_FILE, code: str = "E-CONFIG") -> tuple[Any, dict[tuple[str, ...], int]]:
    """Which plain data does this YAML hold, and on which line does each part stand?

    Every scalar stays text ('NO', '012'). Refuses duplicate keys, anchors, tags, over 1 MB, 20 levels or
    100,000 values: AlignError with this code, in the file of this name.
    """
    if len(text) > MOST_TEXT:
        fix = "take out what does not belong here"
        raise AlignError(Problem(code, "the file is larger than 1 MB", where=name, fix=fix))
    lines: dict[tuple[str, ...], int] = {}
    data: Any = {}
    try:
        try:
            node, faults = _composed(text, yaml.SafeLoader if _ODD.search(text) else _FAST)
        except (yaml.YAMLError, UnicodeEncodeError):  # read again, to be told in the same words wherever the kit runs
            node, faults = _composed(text, yaml.SafeLoader)
        data = _plain_data(node, (), lines, faults) if node else {}
    except (yaml.YAMLError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", text.count("\n", 0, getattr(error, "position", 0)))
        why = getattr(error, "problem", None) or getattr(error, "reason", None) or "nested too deeply"
        faults = [(line, f"this is not valid YAML ({why})", "indent with spaces, quote text that holds ': '")]
    if faults:
        raise AlignError(fault_at(*fault, name=name, code=code) for fault in faults)
    return data, lines


def _composed(text: str, loader: Any) -> tuple[Any, list[Fault]]:
    """The tree of this YAML, or what it may not hold."""
    depth, faults, events = 0, list[Fault](), cast(Any, yaml.parse(text, Loader=loader))
    for number, event in enumerate(events):  # stops at the first too many, however many follow
        line = event.start_mark.line
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return None, [(line, f"nested more than {DEEPEST} levels deep", "flatten it")]
        if number > MOST_PARTS:
            return None, [
                (line, f"the file holds more than {MOST_PARTS:,} values", "take out what does not belong here")
            ]
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            faults.append((line, "anchors, aliases and tags are not allowed", "write it out"))
        if len(faults) == MOST_FAULTS:
            break
    return None if faults else yaml.compose(text, Loader=loader), faults


def _plain_data(node: Any, path: tuple[str, ...], lines: dict[tuple[str, ...], int], faults: list[Fault]) -> Any:
    lines[path] = node.start_mark.line
    if isinstance(node, yaml.ScalarNode):
        return None if node.value in ("", "null", "~") and not node.style else _whole(node, faults)
    if isinstance(node, yaml.SequenceNode):
        return [_plain_data(child, (*path, str(i)), lines, faults) for i, child in enumerate(node.value)]
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _whole(key_node, faults) if isinstance(key_node, yaml.ScalarNode) else None
        if key is None or key == "<<":
            faults.append((key_node.start_mark.line, "a key must be plain text", "write the value out"))
        elif key in data:
            faults.append((key_node.start_mark.line, f"{key!r} is given twice", "keep one of them"))
        else:
            data[key] = _plain_data(value_node, (*path, key), lines, faults)
            lines[(*path, key)] = key_node.start_mark.line
    return data


def _whole(node: Any, faults: list[Fault]) -> str:
    """The text of a scalar. What programs escape as two halves ("\\ud83d\\ude42") is one sign; one half is a fault."""
    try:
        return str(node.value.encode("utf-16", "surrogatepass").decode("utf-16"))
    except UnicodeDecodeError:
        what, fix = "an escape names half a sign", "write the text itself in place of \\u and digits"
        faults.append((node.start_mark.line, what, fix))
        return ""


def fault_at(
    line: int, what: str, fix: str, allowed: str = "", name: str = SETTINGS_FILE, code: str = "E-CONFIG"
) -> Problem:
    """Which problem stands on this line (counted from 0) of the file of this name?"""
    return Problem(code, what, where=f"{name}, line {line + 1}", allowed=allowed, fix=fix)


def as_problem(fault: Any, lines: dict[tuple[str, ...], int], model: Any) -> Problem:
    """How is a fault that pydantic found in settings of this model told, with its line, what is allowed and near?"""
    path = tuple(str(part) for part in fault["loc"])
    line = next((lines[path[:i]] for i in range(len(path), -1, -1) if path[:i] in lines), 0)
    name = ".".join(path) or "the settings"
    if fault["type"] == "extra_forbidden":
        names = _fields_at(path[:-1], model)
        what = f"{name} is not a known setting{nearest(path[-1], names)}"
        return fault_at(line, what, "correct or remove it", ", ".join(names))
    if fault["type"] == "missing":
        return fault_at(line, f"{name} is missing", "add it; `alignlib new` shows a full example")
    allowed = str(fault.get("ctx", {}).get("expected", ""))
    near = nearest(fault["input"], re.findall(r"'([^']+)'", allowed)) if isinstance(fault["input"], str) else ""
    return fault_at(line, f"{name}: {str(fault['msg']).removeprefix('Value error, ')}{near}", "correct it", allowed)


def _fields_at(path: tuple[str, ...], model: Any) -> list[str]:
    """Which settings exist at this place? Walks the models along the path, past lists and maps."""
    for part in path:
        if field := model.model_fields.get(part):
            kinds = (field.annotation, *get_args(field.annotation))
            model = next((kind for kind in kinds if hasattr(kind, "model_fields")), model)
    return sorted(model.model_fields)


def nearest(name: str, known: list[str]) -> str:
    """Which known name may have been meant? A clause for an error; "" when none is near."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
