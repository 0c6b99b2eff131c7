"""How are the two teams led, paid and ruled, as the sponsor says? A checklist, not a survey."""

from datetime import date
from functools import cache
from typing import Any

from alignlib import words
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.plain_yaml import strict_yaml
from alignlib.resources import read_resource
from alignlib.result import Exhibit, Finding, Measure, NotJudged, Part, Row, columns

SOURCE = "Le Meunier-FitzHugh and Massey 2019"
_LOOSE = ("no {}", "neither {} nor {}: it was always so")
NO_RULE = ("", "no", "none")


@cache
def checklist() -> dict[str, dict[str, Any]]:
    """Which facts does the kit ask the sponsor for: topic, question and whether it helps, by code?

    Source: ``facts.yml`` of the engagement template.

    >>> checklist()["one_head_of_both_teams"]["topic"]
    'structure'
    """
    data, _ = strict_yaml(read_resource("templates", "engagement", "data", "facts.yml"))
    return {fact["fact"]: fact for fact in data["facts"]}


def structure(tables: Tables, settings: Settings) -> Part:
    """Which structures, pay and rules hold here, who owns the rules, and since when?

    Reads ``facts``. A rule holds when its answer is neither empty nor "no". Finding: the share of rules in force that
    nobody owns or that carry no date, counted; "because it was always so" is such a rule.
    """
    if not tables.has("facts"):
        return Part(not_judged=[NotJudged(
            what="How the teams are led, paid and ruled", theme="structure", why="no facts checklist was delivered",
            settle="facts.yml, filled in by the sponsor",
        )])  # fmt: skip
    facts = tables.rows(
        "select fact, coalesce(answer, '') as answer, coalesce(owner, '') as owner, dated_on from facts"
    )
    rows = sorted((_row(fact, settings.as_of) for fact in facts), key=_order)
    rules = [row for row in rows if row["topic"] == "rules" and str(row["answer"]).lower() not in NO_RULE]
    loose = [row for row in rules if not row["owner"] or not row["since"]]
    part = Part(
        exhibits=[_exhibit(rows, len(rules), len(loose))], basis=[f"{words.count(len(rows), 'fact')} of the sponsor"]
    )
    if rules:
        part.findings.append(_finding(len(loose), len(rules), settings))
    else:
        part.not_judged.append(NotJudged(
            what="Who owns the rules between the teams", theme="structure",
            why="the sponsor names no written rule that is in force", settle="rules, each with an owner and a date",
        ))  # fmt: skip
    return part


def _row(fact: Row, as_of: date) -> Row:
    known = checklist().get(fact["fact"], {})
    since, answer, notes = fact["dated_on"], str(fact["answer"]), []
    held = answer.lower() not in NO_RULE
    if known.get("helps") and answer:  # what nobody answered is not known, so nothing would help yet
        said = f"goes with better collaboration{'' if held else ', and is not there'}"
        notes.append(said if known["helps"] == "yes" else "no effect found")
    if known.get("topic") == "rules" and held:
        missing = [word for word, there in (("owner", fact["owner"]), ("date", since)) if not there]
        notes += [_LOOSE[len(missing) - 1].format(*missing)] if missing else [_age(since, as_of)]
    return {
        "label": known.get("question", str(fact["fact"]).replace("_", " ")),
        "topic": str(known.get("topic", "other")).replace("_", " "),
        "answer": answer, "owner": str(fact["owner"]), "since": since.isoformat() if since else "",
        "note": "; ".join(notes),
    }  # fmt: skip


def _age(since: date | None, as_of: date) -> str:
    years = (as_of - since).days / 365.25 if since else 0.0
    return f"{words.number(years, 1)} years old"


def _order(row: Row) -> tuple[int, int, str]:
    """What the title speaks of comes first: rules that nobody owns, then what would help."""
    codes = ("always so", "no owner", "no date", "not there")
    first = next((at for at, words_ in enumerate(codes) if words_ in str(row["note"])), len(codes))
    topics = list(dict.fromkeys(str(fact["topic"]).replace("_", " ") for fact in checklist().values()))
    return first, topics.index(row["topic"]) if row["topic"] in topics else len(topics), str(row["label"])


def _exhibit(rows: list[Row], rules: int, loose: int) -> Exhibit:
    good = "goes with better collaboration"
    there, gone = (sum(str(r["note"]).startswith(good) and ("not there" in str(r["note"])) == is_gone for r in rows)
                   for is_gone in (False, True))  # fmt: skip
    title = f"{words.of(there, there + gone)} structures that go with better collaboration are in place"
    title += f"; {words.of(loose, rules)} rules in force have no owner or no date" if rules else ""
    return Exhibit(
        key="survey.structure", shape="table", title=title, rows=rows, source="Facts of the sponsor", play="P21",
        columns=columns(
            label=("Question", "text"), topic=("Topic", "text"), answer=("Answer", "text"), owner=("Owner", "text"),
            since=("Since", "text"), note=("Note", "text"),
        ),
        read="What the sponsor says holds here. A rule with neither owner nor date is there because it was always so. "
        f"What goes with better collaboration, and what showed no effect: one study of many firms ({SOURCE}), which "
        "shows what goes together and not what causes what.",
        says_not="Whether the answers are right: they are one person's, and were not checked against papers.",
        alt=f"Table of {words.number(len(rows))} facts about structure, pay, rules and rhythm.",
    )  # fmt: skip


def _finding(loose: int, rules: int, settings: Settings) -> Finding:
    said, limit = words.of(loose, rules), settings.thresholds.get("ownerless_rules")
    title = f"{said} rules between the teams have no owner or no date"
    return finding(
        "survey.structure", "ownerless_rules", Measure(value=loose / rules, unit="share", k=loose, n=rules), settings,
        {"beyond": title, "unclear": title, "none": f"{title}; no limit was agreed",
         "good": f"Rules between the teams have owners and dates: {said} lack one"},
        theme="structure", play="P21", counted=f"{said} rules the sponsor says are in force", beyond="watch",
        settle="" if limit is None else "an owner and a date for each rule",
    )  # fmt: skip
