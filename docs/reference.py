"""What do the pages of reference say? Made from the code each time the site is built; what code cannot say stands in
reference.yml. Text in, Markdown out: nothing is written and nothing is fetched."""

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from enum import EnumMeta
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command

from alignlib.cli import _ENDS, app
from alignlib.engagement import THRESHOLDS, Settings
from alignlib.errors import CODES, CURES
from alignlib.grievances import read_docket
from alignlib.imports.vendors import read_exports
from alignlib.instrument import read_instrument
from alignlib.intake.tables import TABLES
from alignlib.resources import front_matter, plays, read_resource

SRC = Path(__file__).resolve().parents[1] / "src" / "alignlib"
SAMPLES = SRC.parents[1] / ".venv" / "samples"  # where `make docs` audits the sample company
SAID: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("reference.yml").read_text(encoding="utf-8"))
METHODS = ("stats", "association", "incidence", "agreement", "permutation", "disclosure")
# Each part of engagement.yml, in the order of the file: the model that checks it, and where it stands.
PARTS = {
    "Settings": "The whole file", "Period": "period", "TeamSettings": "teams", "Promises": "promises",
    "WorkHours": "promises.work", "Grading": "grading", "Goal": "goal", "SurveySettings": "survey",
    "Notice": "survey.notice", "ContentSettings": "content", "FunnelSettings": "funnel", "Done": "done",
    "Input": "inputs", "Lookup": "inputs.lookups", "Database": "inputs.source",
}  # fmt: skip
_TYPES = {"integer": "whole number", "boolean": "true or false", "string": "text", "object": "names and values",
          "array": "list", "number": "number", "null": "nothing"}  # fmt: skip


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """How is a table written in Markdown?"""
    lines = [list(head), *([str(cell).replace("|", r"\|").replace("\n", " ") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


# --- settings ---------------------------------------------------------------------------------------------------------


def settings() -> str:
    """Which settings has engagement.yml: part by part, each with its type, its default and what it means?"""
    schema = Settings.model_json_schema()
    found = schema["$defs"] | {"Settings": schema}
    parts = [f"## {title}\n\n{_part(name, found)}" for name, title in PARTS.items() if name in found]
    meant = [(f"`{key}`", _limit(key), unit, meaning) for key, (_, unit, meaning) in THRESHOLDS.items()]
    parts.insert(1, "## thresholds\n\nNone has a default: a limit that was not agreed leaves its finding unclear.\n\n"
                 + table(["Setting", "Calls for action", "Unit", "What is held against it"], meant))  # fmt: skip
    return "\n".join(parts)


def _part(name: str, found: dict[str, Any]) -> str:
    fields = found[name]["properties"]
    meanings = settings_said(name)
    if name == "Lookup":  # the rest it shares with an input
        fields = {key: rule for key, rule in fields.items() if key not in found["Input"]["properties"]}
    needed = found[name].get("required", [])
    rows = [
        (f"`{key}`", _type(rule, found), "needed" if key in needed else _default(rule), meanings.get(key, ""))
        for key, rule in fields.items()
    ]
    shared = " Beside these it takes what an input takes to read a file." if name == "Lookup" else ""
    return f"{_first(found[name]['description'])}{shared}\n\n{table(['Setting', 'Type', 'Default', 'Meaning'], rows)}"


def settings_said(name: str) -> dict[str, str]:
    """What does each setting of this part mean, as reference.yml says it?"""
    said: dict[str, dict[str, str]] = SAID["settings"]
    return (said["Reading"] if name == "Input" else {}) | said.get(name, {})


def _type(rule: dict[str, Any], found: dict[str, Any]) -> str:
    if "$ref" in rule:
        title = PARTS[rule["$ref"].rsplit("/", 1)[-1]]
        return f"see [{title}](#{title.replace('.', '')})"
    if "anyOf" in rule:
        return _type(next(each for each in rule["anyOf"] if each.get("type") != "null"), found)
    if "enum" in rule or "const" in rule:
        return ", ".join(f"`{each}`" for each in rule.get("enum", [rule.get("const")]))
    if rule.get("format") == "date":
        return "day"
    if rule.get("type") == "array" and "$ref" in rule.get("items", {}):
        return f"list: {_type(rule['items'], found)}"
    if "$ref" in (inner := rule.get("additionalProperties") or {}):
        return _type(inner, found)
    bounds = {"from": ("minimum", "ge"), "above": ("exclusiveMinimum", "gt"), "to": ("maximum", "le")}
    said = [f"{word} {rule[key]:g}" for word, keys in bounds.items() for key in keys if key in rule]
    return " ".join([_TYPES[rule["type"]], *said])


def _default(rule: dict[str, Any]) -> str:
    value = rule.get("default")
    if value in (None, "", [], {}) or isinstance(value, dict):
        return ""
    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    return f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


def _limit(threshold: str) -> str:
    return {"at_least": "below", "at_most": "above"}[THRESHOLDS[threshold][0]]


# --- tables, results --------------------------------------------------------------------------------------------------


def tables() -> str:
    """Which tables does an audit read, and which columns has each?"""
    said = []
    for name, rule in TABLES.items():
        rows = [
            (f"`{column.name}`", column.kind + (f" ({column.unit})" if column.unit else ""),
             "yes" if column.required else "", column.meaning
             + (f": {', '.join(f'`{each}`' for each in column.allowed)}" if column.allowed else ""))
            for column in rule.columns
        ]  # fmt: skip
        key = f" Rows that agree in {_named(rule.key)} are one row twice." if rule.key else ""
        said.append(f"## {name}\n\nOne row: {rule.row}.{key}\n\n{table(['Column', 'Kind', 'Needed', 'Meaning'], rows)}")
    return "\n".join(said)


def results() -> str:
    """Which parts has results.json, and which fields has each?"""
    schema = json.loads(read_resource("templates", "results.schema.json"))
    found = {schema["title"]: schema} | schema["$defs"]
    said = []
    for name, part in found.items():
        rows = [
            (f"`{field}`", _field(rule), "yes" if field in part.get("required", []) else "")
            for field, rule in part["properties"].items()
        ]
        said.append(
            f"## {name}\n\n{part['description'].replace('``', '`')}\n\n{table(['Field', 'Holds', 'Needed'], rows)}"
        )
    return "\n".join(said)


def _field(rule: dict[str, Any]) -> str:
    if "$ref" in rule:
        return f"[{rule['$ref'].rsplit('/', 1)[-1]}](#{rule['$ref'].rsplit('/', 1)[-1].lower()})"
    if "anyOf" in rule:
        return " or ".join(_field(each) for each in rule["anyOf"])
    if "enum" in rule or "const" in rule:
        return ", ".join(f"`{each}`" for each in rule.get("enum", [rule.get("const")]))
    if rule.get("type") == "array":
        return f"list of {_field(rule['items'])}" if rule.get("items") else "list"
    if isinstance(rule.get("additionalProperties"), dict):
        return f"by name: {_field(rule['additionalProperties'])}"
    return _TYPES.get(rule.get("type", ""), "anything")


# --- findings ---------------------------------------------------------------------------------------------------------


def limits() -> dict[str, str]:
    """Which findings can be made, and which threshold is each held against ("" for none)? Read from the diagnostics."""
    found: dict[str, str] = {}
    for path in sorted((SRC / "diagnostics").rglob("*.py")):
        for call in _calls(path):
            words = [_word(each) for each in call.args]
            found |= {one: two for one, two in pairwise(words) if _is_finding(one) and two in THRESHOLDS}
            named = {each.arg: each.value for each in call.keywords}
            if _word(call.func) == "Finding" and _is_finding(key := _word(named.get("key"))):
                found[key] = key.split(".")[1] if key.split(".")[1] in THRESHOLDS else ""
    found |= {f"survey.gap.{block.block}": "survey_gap" for block in read_instrument().blocks}
    found |= {f"survey.mirror.{team}": "mirror_gap" for team in ("sales", "marketing")}
    return found | {f"funnel.{key}": key for key in THRESHOLDS if key not in found.values()}


def findings() -> str:
    """Which findings can an audit make, what do they measure, and where do they lead?"""
    listed = {play.id: front_matter(read_resource("playbook", play.file), play.file)["findings"]
              for play in plays().values()}  # fmt: skip
    tried = [(case.id, test.finding) for case in read_docket() for test in case.tests]
    rows = []
    for key, threshold in sorted(limits().items(), key=lambda each: (each[0].split(".")[0], each[0])):
        means = THRESHOLDS[threshold][2] if threshold else SAID["findings"][key]
        led = [f"[{play}](../../playbook/{plays()[play].file})" for play, keys in listed.items()
               if any(fnmatchcase(key, each) for each in keys)]  # fmt: skip
        cases = dict.fromkeys(case for case, finding in tried if finding == key)
        limit = f"{_limit(threshold)} `{threshold}`" if threshold else "its direction is clear"
        rows.append((f"`{key}`", means, limit, ", ".join(led), ", ".join(cases)))
    return table(["Finding", "What it measures", "Calls for action", "Plays", "Docket"], rows)


def _is_finding(key: str) -> bool:
    return bool(re.fullmatch(r"(funnel|content|survey)\.[a-z_]+", key))


def _calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))


def _word(node: ast.AST | None) -> str:
    value = node.value if isinstance(node, ast.Constant) else node.id if isinstance(node, ast.Name) else ""
    return value if isinstance(value, str) else ""


# --- errors, commands, environment ------------------------------------------------------------------------------------


def errors() -> str:
    """What does each code of an error stand for, and what is there to do?"""
    ends = {code: number for number, codes in _ENDS.items() for code in codes}
    return "\n".join(
        f"## {code}\n\n{_sentence(means)}\n{f'Exit code {ends[code]}.' if code in ends else ''}\n\n**What to do:** "
        f"{CURES[code]}.\n"
        for code, means in CODES.items()
    )


def commands() -> str:
    """Which commands are there, and what does each take?"""
    said = []
    for words, command in _commands("alignlib", get_command(app)):
        taken = [each.name.upper() for each in command.params if not each.opts[0].startswith("-")]
        options = [each for each in command.params if each.opts[0].startswith("-")]
        call = " ".join([words, *taken, *["[OPTIONS]"] * bool(options)])
        rows = [(f"`{_option(each)}`", _about(each)) for each in command.params]
        said.append(f"## {words}\n\n{_first(command.help)}\n\n```\n{call}\n```\n\n{table(['Given', 'Meaning'], rows)}")
    return "\n".join(said)


def _commands(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(f"{words} {name}", inner)
    if not hasattr(command, "commands"):
        yield words, command


def _option(param: Any) -> str:
    return ", ".join(param.opts) if param.opts[0].startswith("-") else str(param.name).upper()


def _about(param: Any) -> str:
    kind, said = param.type_descriptor.annotation, [param.help or ""]
    if isinstance(kind, EnumMeta):
        said.append(f"One of {_named(map(str, kind))}.")
    said += [
        f"{word} {limit:g}." for word, limit in (("At least", param.min), ("At most", param.max)) if limit is not None
    ]
    if param.required:
        said.append("Needed.")
    elif param.default not in (None, "", False):
        said.append(f"Without it: `{param.default}`.")
    return " ".join(said)


def environment() -> str:
    """Which variables of the environment does the kit read or set?"""
    return table(["Variable", "What it is for"], [(f"`{name}`", means) for name, means in SAID["environment"].items()])


def variables() -> set[str]:
    """Which variables of its own does the code name?"""
    texts = (path.read_text(encoding="utf-8") for path in SRC.rglob("*.py"))
    return {word for text in texts for word in re.findall(r'"([A-Z_]*ALIGNLIB_[A-Z_]+)"', text)}


# --- exports, methods -------------------------------------------------------------------------------------------------


def exports(vendor: str) -> str:
    """Which exports of a vendor does the kit know, by which headers, and what does it read in them?"""
    mine = [each for key, each in read_exports().items() if key.startswith(vendor)]
    rows = [
        (each.name, each.row, _named(each.headers[word][0] for word in each.needs),
         _named(dict.fromkeys(rule.table for rule in each.inputs)))
        for each in mine if each.inputs
    ]  # fmt: skip
    notes = "\n".join(f"- {each.name}: {note}." for each in mine if each.inputs for note in each.notes)
    unread = [each.name for each in mine if each.unread]
    said = table(["Export", "One row", "Told by the columns", "Feeds"], rows) + f"\n{notes}\n"
    return said + (f"\nRecognised and not read by themselves: {'; '.join(unread)}.\n" if unread else "")


def methods() -> str:
    """What does each statistic of the kit do, by which method, and whose is it?"""
    said = []
    for name in METHODS:
        module = importlib.import_module(f"alignlib.{name}")
        said.append(f"## {name}\n\n{_prose(inspect.getdoc(module) or '')}\n")
        said += [f"### {name}.{key}\n\n{_prose(inspect.getdoc(each) or '')}\n" for key, each in functions(module)]
    return "\n".join(said)


def functions(module: Any) -> list[tuple[str, Any]]:
    """Which public functions does a module define?"""
    found = inspect.getmembers(module, inspect.isfunction)
    mine = [(key, each) for key, each in found if each.__module__ == module.__name__ and not key.startswith("_")]
    return sorted(mine, key=lambda each: each[1].__code__.co_firstlineno)


def _prose(text: str) -> str:
    """A docstring as Markdown: its example set as code, names in double backquotes as code, stars as they are."""
    head, mark, example = text.replace("``", "`").partition(">>>")
    plain = re.sub(r"(?<=[\w²])\*(?=_|\w)", r"\\*", head).rstrip()
    return f"{plain}\n\n```python\n{mark}{example.rstrip()}\n```" if mark else plain


def samples() -> str:
    """Where are the reports of the sample company? They lie beside the first page, if they were made."""
    made_of = {"report.html": "the report: one file, no script, no network", "report.pdf": "the same, to print",
               "report.pptx": "the deck to edit", "report.xlsx": "the tables behind it",
               "content-work-list.xlsx": "what to do with each piece of content",
               "results.json": "every figure in it"}  # fmt: skip
    there = {name: means for name, means in made_of.items() if (SAMPLES / name).is_file()}
    lines = "".join(f'<li><a href="../{name}">{name}</a>: {means}</li>\n' for name, means in there.items())
    return f"<ul>\n{lines}</ul>" if lines else "They are not part of this site: `make docs` makes both."


def made(text: str) -> str:
    """What does a page say once each ``<!-- made: name words -->`` is replaced by what that function makes of words?"""
    known = settings, tables, results, findings, errors, commands, environment, exports, methods, samples
    by_name = {each.__name__: each for each in known}
    mark = r"(?:\*Made from the code by `make docs`\.\* )?<!-- made: (\w+) ?(.*?) -->"
    return re.sub(mark, lambda asked: by_name[asked[1]](*asked[2].split()), text)


# --- words ------------------------------------------------------------------------------------------------------------


def _first(text: str) -> str:
    return " ".join(text.split("\n\n")[0].replace("``", "`").split())


def _named(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _sentence(text: str) -> str:
    named = re.sub(r"\b\w+\.yml\b", lambda file: f"`{file[0]}`", text)
    return f"{named[:1].upper()}{named[1:]}."
