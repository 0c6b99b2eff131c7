"""How engagement.yml is written on: new inputs and answers go in beside what stands there, and nothing else changes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from alignlib.engagement import Settings, parse_settings
from alignlib.errors import AlignError, Problem
from alignlib.imports.drafting import Draft
from alignlib.intake.synonyms import quoted
from alignlib.plain_yaml import SETTINGS_FILE
from alignlib.words import legible

_WIDTH = 120
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def written(text: str, drafts: Sequence[Draft], stages: Mapping[str, str], changes: Mapping[str, Any]) -> str:
    """What is the text of engagement.yml with these inputs, stage labels and changed settings (period, as_of …)?

    The rest of the text, its comments and kind of line ends included, stays as it is. Raises AlignError: E-CONFIG, the
    settings do not go together; E-USE, the file is laid out so that nothing can be put in safely (the message holds
    what to add by hand).
    """
    before = parse_settings(text)
    new_stages = {label: ours for label, ours in stages.items() if label not in before.stages}
    is_windows = "\r\n" in text
    result = text.replace("\r\n", "\n")
    result += "" if result.endswith("\n") else "\n"
    for key, value in changes.items():
        for part, each in value.items() if isinstance(value, Mapping) else [("", value)]:
            result = _replaced(result, [key, part] if part else [key], each)
    parse_settings(result)
    labels = [f"{quoted(label)}: {ours}" for label, ours in new_stages.items()]
    blocks = [line for each in drafts for line in ["", *input_lines(each)]]
    try:
        result = _with_block(result, "stages", labels, labels)
        result = _with_block(result, "inputs", blocks, [_inline(_filled(each.entry)) for each in drafts])
        is_as_meant = _is_as_meant(parse_settings(result), before, drafts, new_stages)
    except (yaml.YAMLError, AlignError):
        is_as_meant = False
    if not is_as_meant:
        by_hand = [f"{key}: {_inline(value)}\n" for key, value in changes.items()]
        by_hand += [f"{key}:\n{_indented(each, 2)}" for key, each in (("stages", labels), ("inputs", blocks)) if each]
        fix = f"add by hand, each below the key that is there:\n\n{''.join(by_hand)}\n"
        raise AlignError(Problem("E-USE", "its layout leaves no place to write to", where=SETTINGS_FILE, fix=fix))
    return result.replace("\n", "\r\n") if is_windows else result


def _nodes(text: str, *path: str) -> Any:
    """Where do the last key of this path and its value stand, as nodes of YAML with marks? None when nowhere."""
    pair: Any = (None, yaml.compose(text, Loader=yaml.SafeLoader))
    for name in path:
        pair = next(((key, value) for key, value in pair[1].value if key.value == name), None) if pair else None
    return pair


def _with_block(text: str, name: str, block: list[str], parts: list[str]) -> str:
    """The text with a block put right below its key, as deep as what stands there; its ``parts`` between [ ] or { }."""
    nodes = _nodes(text, name)
    if not block or not nodes:
        return f"{text}{name}:\n{_indented(block, 2)}" if block else text
    key, value = nodes
    at, until, depth = value.start_mark.index, value.end_mark.index, value.start_mark.column
    if not value.value:  # [] or {}
        text, depth = text[:at].rstrip(" ") + text[until:], 2
    elif value.flow_style:
        return text[: at + 1] + "".join(f"\n  {part}," for part in parts) + "\n  " + text[at + 1 :].lstrip()
    below = text.index("\n", key.end_mark.index) + 1
    return text[:below] + _indented(block, depth) + text[below:]


def _indented(block: list[str], depth: int) -> str:
    return "".join(" " * depth + line + "\n" if line else "\n" for line in block)


def _replaced(text: str, path: list[str], value: Any) -> str:
    """The text with the value at this path set anew; all around it stays."""
    _, node = _nodes(text, *path) or (None, None)
    if node is None:
        return f"{text}{path[0]}: {_inline(value)}\n"
    return text[: node.start_mark.index] + _inline(value) + text[node.end_mark.index :]


def input_lines(draft: Draft) -> list[str]:
    """How is one input written, with a comment for each choice?"""
    entry = _filled(draft.entry)
    lines = [f"# {legible(entry['file'])}: {draft.title}"] if draft.title else []
    lines.append(f"- table: {entry.pop('table')}")
    for key, value in entry.items():
        why = draft.comments.get(key, "")
        if key == "lookups":
            lines += ["  lookups:", *(line for lookup in value for line in _lookup_lines(lookup))]
        elif isinstance(value, Mapping):
            lines += _commented(f"  {key}:", why)
            whys = draft.comments if key == "columns" else {}
            for name, each in value.items():
                lines += _commented(f"    {quoted(name)}: {_inline(each)}", whys.get(name, ""))
        else:
            lines += _commented(f"  {key}: {_inline(value)}", why)
    return lines


def _filled(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What of an input is written: neither what is empty nor the shape that every file has of itself."""
    unsaid: tuple[Any, ...] = (None, "", {}, [])
    return {key: said for key, said in entry.items() if said not in unsaid and (key, said) != ("shape", "rows")}


def _lookup_lines(lookup: Mapping[str, Any]) -> list[str]:
    first, *rest = [f"{key}: {_inline(value)}" for key, value in _filled(lookup).items()]
    return [f"    - {first}", *(f"      {line}" for line in rest)]


def _commented(line: str, why: str) -> list[str]:
    """The line with its comment behind it where both fit, else above it."""
    if not why:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    return [f"{line}  # {why}"] if len(line) + len(why) + 4 <= _WIDTH else [f"{indent}# {why}", line]


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(str(key))}: {_inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return str(value) if _DAY.fullmatch(str(value)) else quoted(str(value))


def _is_as_meant(after: Settings, before: Settings, drafts: Sequence[Draft], stages: Mapping[str, str]) -> bool:
    """Does there stand what stood there before and what was to be added? A layout we misread must not pass."""
    added = {each.model_dump_json() for each in after.inputs} - {each.model_dump_json() for each in before.inputs}
    kept = all(each in after.inputs for each in before.inputs) and {**after.stages} == {**before.stages, **stages}
    return kept and len(after.inputs) == len(before.inputs) + len(drafts) and len(added) <= len(drafts)
