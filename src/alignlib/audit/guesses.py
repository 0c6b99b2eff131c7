"""Guess and fact: what each team guesses, beside what the data say."""

from collections.abc import Mapping

from alignlib.audit.exhibits import rows_of
from alignlib.grievances import TEAMS, Team
from alignlib.instrument import read_instrument
from alignlib.result import Exhibit, Finding, Result, Row, columns
from alignlib.words import TEAM_NAMES, count, listed, of, value


def guesses(results: Mapping[str, Result]) -> Exhibit | None:
    """How near do the guesses of each team come to what was measured? None where no guess meets a figure.

    One row an estimate of the survey whose finding was made. Guesses are means of each team with 95 % limits as the
    survey published them, the figure is that of the finding with its interval. It does not say why a team guesses
    wrong, and the words of the question are broader than the definition of the figure.
    """
    findings = {finding.key: finding for result in results.values() for finding in result.findings}
    asked = {item.title: findings.get(item.about) for item in read_instrument().of("estimate")}
    guessed = [(row, asked.get(row["label"])) for row in rows_of(results, "survey.estimates")]
    rows = [_row(row, finding) for row, finding in guessed if finding and finding.measure.unit == "share"]
    rows = [row for row in rows if row["value"] is not None and any(row[team] is not None for team in TEAMS)]
    if not rows:
        return None
    return Exhibit(
        key="audit.guesses", shape="paired", rows=rows, title=_title(rows), lead=_lead(rows),
        play="P18" if any(map(_missed, rows)) else None,
        source="Responses, and the findings they guess at",
        columns=columns(
            label=("Question", "text"), sales=("Sales guesses", "share"), sales_low=("from", "share"),
            sales_high=("to", "share"), sales_n=("Sales answered", "count"), marketing=("Marketing guesses", "share"),
            marketing_low=("from", "share"), marketing_high=("to", "share"),
            marketing_n=("Marketing answered", "count"), value=("The data say", "share"), low=("from", "share"),
            high=("to", "share"), note=("What was measured", "text"),
        ),
        read="Each team guessed first. The circle is the mean of what Sales guesses, the diamond that of Marketing, "
        "with 95 % limits where at least ten answered; the dark tick on the grey bar is what the data say, with its "
        "interval.",
        says_not="Why a guess is off. The question is put in plain words; what was measured has a definition, which "
        "stands in the table.",
        alt=f"Guesses of both teams beside the measured share, for {count(len(rows), 'question')}.",
    )  # fmt: skip


def _row(row: Row, finding: Finding) -> Row:
    told = {name: row.get(name) for team in TEAMS for name in (team, *(f"{team}_{at}" for at in ("low", "high", "n")))}
    m = finding.measure
    return {"label": row["label"], **told, "value": m.value, "low": m.low, "high": m.high, "note": finding.title}


def _misses(row: Row, team: Team) -> float | None:
    """By how much does a team's guess miss what was measured? 0 where their intervals touch, None without a guess.

    A team of whom no limits were published counts with its mean alone.
    """
    guess, (low, high) = row[team], (row["value"] if row[end] is None else row[end] for end in ("low", "high"))
    if guess is None:
        return None
    least, most = (guess if row[f"{team}_{end}"] is None else row[f"{team}_{end}"] for end in ("low", "high"))
    return float(guess - high if least > high else guess - low if most < low else 0.0)


def _missed(row: Row) -> float:
    return sum(abs(_misses(row, team) or 0) for team in TEAMS)


def _title(rows: list[Row]) -> str:
    """The question on which the guesses miss most, and how."""
    worst = max(rows, key=_missed)
    told = [f"{TEAM_NAMES[team]} guesses {value(worst[team], 'share')}" for team in TEAMS if worst[team] is not None]
    said = f"{worst['label']}: {listed(told)}, the data say {value(worst['value'], 'share')}"
    return said if _missed(worst) else f"No guess misses what was measured; {said[0].lower()}{said[1:]}"


def _lead(rows: list[Row]) -> str:
    each = [miss for row in rows for team in TEAMS if (miss := _misses(row, team)) is not None]
    return f"{of(sum(miss != 0 for miss in each), len(each))} mean guesses miss the interval of what was measured."
