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
    for fact in facts:
        asked = {"topic": "other", "question": fact["fact"].replace("_", " "), "helps": ""}
        fact |= asked | checklist().get(fact["fact"], {}) | fact
        fact["holds"] = fact["answer"].lower() not in NO_RULE
    rules = [fact for fact in facts if fact["topic"] == "rules" and fact["holds"]]
    loose = [fact for fact in rules if not fact["owner"] or not fact["dated_on"]]
    helpful = [fact for fact in facts if fact["helps"] == "yes" and fact["answer"]]  # no answer: nobody knows
    absent = [fact for fact in helpful if not fact["holds"]]
    title = f"{words.of(len(helpful) - len(absent), len(helpful))} structures that go with better collaboration are in "
    title += "place"
    title += f"; {words.of(len(loose), len(rules))} rules in force have no owner or no date" if rules else ""
    topics = list(dict.fromkeys(fact["topic"] for fact in [*checklist().values(), {"topic": "other"}]))
    facts.sort(key=lambda fact: (fact not in loose, fact not in absent, topics.index(fact["topic"]), fact["question"]))
    part = Part(
        exhibits=[_exhibit([_row(fact, settings.as_of) for fact in facts], title)],
        basis=[f"{words.count(len(facts), 'fact')} of the sponsor"],
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
    since, notes = fact["dated_on"], []
    if fact["helps"] and fact["answer"]:
        said = f"goes with better collaboration{'' if fact['holds'] else ', and is not there'}"
        notes.append(said if fact["helps"] == "yes" else fact["helps"])
    if fact["topic"] == "rules" and fact["holds"]:
        lacks = [f"no {what}" for what, there in (("owner", fact["owner"]), ("date", since)) if not there]
        notes.append(" and ".join(lacks) or f"{words.number((as_of - since).days / 365.25, 1)} years old")
    return {
        "label": fact["question"], "topic": fact["topic"].replace("_", " "), "answer": fact["answer"],
        "owner": fact["owner"], "since": since.isoformat() if since else "", "note": "; ".join(notes),
    }  # fmt: skip


def _exhibit(rows: list[Row], title: str) -> Exhibit:
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
    said = words.of(loose, rules)
    title = f"{said} rules between the teams have no owner or no date"
    return finding(
        "survey.structure", "ownerless_rules", Measure(value=loose / rules, unit="share", k=loose, n=rules), settings,
        {"beyond": title, "none": f"{title}; no limit was agreed",
         "good": f"Rules between the teams have owners and dates: {said} lack one"},
        theme="structure", play="P21", counted=f"{said} rules the sponsor says are in force", beyond="watch",
        settle="an owner and a date for each rule",
    )  # fmt: skip
