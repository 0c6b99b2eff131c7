"""What do a client's stage labels mean: in a column, or in the headers of a wide file? Known, agreed, or asked."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from alignlib.engagement import EXITS, STAGES, Settings
from alignlib.imports.delivered import Delivered
from alignlib.imports.questions import NONE, Answers, Question
from alignlib.imports.vendors import InputRule, Outcomes
from alignlib.intake.read import plain_name
from alignlib.intake.synonyms import worded
from alignlib.words import count

_TRUE = ("true", "1", "1.0", "yes", "t")
# What a deal's whole label says of it ("Won't buy" and "Lost contact" are asked). Open: labels that systems come with.
_ENDS = {
    "won": ("won", "gewonnen", "gagne", "vyhrano", "vyhrany"),
    "lost": ("lost", "verloren", "perdu", "prohrano", "prohrany", "ztraceno", "ztraceny"),
    "open": (
        "open", "offen", "active", "inprogress", "prospecting", "qualification", "qualifiedtobuy",
        "needsanalysis", "valueproposition", "appointmentscheduled", "presentationscheduled", "idecisionmakers",
        "perceptionanalysis", "proposal", "proposalpricequote", "proposalsent", "negotiation",
        "negotiationreview", "contractsent", "discovery", "qualify", "meetpresent", "propose", "negotiate",
    ),
}  # fmt: skip
_END_OF = {word: end for end, words in _ENDS.items() for word in words}
_OF_DEAL = ("opportunity", "won", "lost", NONE)


@dataclass(frozen=True)
class Words:
    """What labels of one input mean: as agreed in engagement.yml, as answered now, as known everywhere, of deals."""

    agreed: dict[str, str]
    said: dict[str, str]
    known: dict[str, str]
    ends: dict[str, str]

    def of(self, label: str) -> str:
        """Which stage, or none, was agreed, answered or is known? "" when nobody said."""
        plain = plain_name(label)
        return self.agreed.get(plain) or self.said.get(plain) or self.known.get(plain, "")

    def end(self, label: str) -> str:
        """Is a deal of this label won, lost or open? "" when nobody says.

        What was agreed wins, then the system's flags, then its words. A stage that only leads have is an open deal's,
        and one that leads leave by a lost deal's.
        """
        stage = self.of(label)
        if stage in ("won", "lost", "opportunity"):
            return "open" if stage == "opportunity" else stage
        told = self.ends.get(label) or self.ends.get(worded(label)) or _end_in_words(label)
        return told or ("lost" if stage in EXITS else "open" if stage in STAGES else "")


def words_of(
    rule: InputRule, file: Delivered, others: Sequence[Delivered], answers: Answers, settings: Settings
) -> Words:
    """Which words for stages and ends do this input's labels have?"""
    agreed, said, known = (
        {plain_name(label): str(stage) for label, stage in labels.items()}
        for labels in (settings.stages, answers["stages"], rule.known)
    )
    return Words(agreed, said, known, _ends(rule.outcomes, file, others) if rule.outcomes else {})


def meanings(
    labels: Counter[str], rule: InputRule, words: Words, name: str
) -> tuple[dict[str, str], list[str], list[Question]]:
    """What does each label mean, as far as this input must say it; which are none of ours; which must be asked?

    Of a lead: what is known everywhere, else what was agreed or answered (which stands under stages); a lead whose
    label is no stage stays, without one. Of a deal: won, lost or open as the system or the words say, else it is asked.
    """
    meant: dict[str, str] = {}
    left_out: list[str] = []
    questions: list[Question] = []
    for label, n in labels.items():
        plain, stage = plain_name(label), words.of(label)
        if rule.whose == "deal":
            end = words.end(label)
            if not end and stage != NONE:
                questions.append(_question(label, name, n, is_deal=True))
            elif not end or (rule.only_ends and end == "open"):
                left_out.append(label)
            elif rule.table == "opportunities":
                meant[label] = end
            elif stage in ("", NONE) or plain in words.known:
                meant[label] = "opportunity" if end == "open" else end
        elif stage == NONE and rule.table != "leads":
            left_out.append(label)
        elif stage == NONE:
            meant[label] = ""
        elif plain in words.known and plain not in words.agreed:
            meant[label] = stage
        elif not stage and label not in (*STAGES, *EXITS):
            questions.append(_question(label, name, n, is_deal=False))
    return meant, left_out, questions


def stage_columns(rule: InputRule, file: Delivered, words: Words) -> tuple[list[dict[str, str]], list[Question]]:
    """Under which header does each stage of a wide file stand? Two headers of one stage need an input each.

    Headers that hold a label (``stage_headers``) count for stages without a header of their own. A deal is an
    opportunity all along, so of its headers only those count that say when it was won or lost.
    """
    given = {str(ours): file.known.headers[word] for ours, word in rule.stages.items() if word in file.known.headers}
    inputs, questions = [{**given}], list[Question]()
    for title in file.titles if rule.stage_headers else ():
        hit = re.fullmatch(rule.stage_headers, title, re.IGNORECASE)
        n = sum(map(bool, file.cells(title))) if hit and title not in given.values() else 0
        if not hit or not n:
            continue
        label = next(filter(None, hit.groups()))
        is_deal = rule.whose == "deal"
        stage = (words.end(label) if is_deal else "") or words.of(label)
        if not stage and label not in (*STAGES, *EXITS):
            questions.append(_question(label, file.name, n, is_deal))
        elif stage not in ("open", NONE, *given):
            place = next((each for each in inputs if (stage or label) not in each), None)
            inputs += [] if place is not None else [{}]
            (inputs[-1] if place is None else place)[stage or label] = title
    return [each for each in inputs if each], questions


def _question(label: str, name: str, n: int, is_deal: bool) -> Question:
    if is_deal:
        text = f"Is a deal labelled {label!r} still open (opportunity), won or lost ({count(n, 'row')} of {name})?"
        return Question(("stages", label), f"{text} {NONE} leaves such deals out.", _OF_DEAL)
    text = f"What does the label {label!r} mean ({count(n, 'row')} of {name})? {NONE} when it is no stage of a lead."
    return Question(("stages", label), text, (*STAGES, *EXITS, NONE))


def _ends(outcomes: Outcomes, file: Delivered, others: Sequence[Delivered]) -> dict[str, str]:
    """Which label means won, lost or open, as flags beside it say, in another export or here?

    Without a flag for closed, a label that is not won is lost where all its rows give a reason for the loss; else, and
    where its rows differ, nothing is said of it.
    """
    partners = [each for each in others if each.match and each.match.export.key == outcomes.export]
    found: dict[str, str] = {}
    for place in (*partners, file):
        there = place.known.headers
        if not there.keys() >= {outcomes.label, outcomes.won}:
            continue
        won = _flags(place, there[outcomes.won])
        closed = _flags(place, there.get(outcomes.closed))
        reasons = [bool(cell) for cell in place.cells(there[outcomes.reason])] if outcomes.reason in there else []
        for word in (outcomes.words, outcomes.label):
            ends: dict[str, set[str]] = {}
            for at, label in enumerate(place.cells(there[word]) if word in there else ()):
                is_over = closed[at] if closed else reasons[at] if reasons else None
                end = "won" if won[at] else "lost" if is_over else "open" if closed else ""
                ends.setdefault(label, set()).add(end)
            told = {label: next(iter(each)) for label, each in ends.items() if len(each) == 1}
            found |= {key: end for label, end in told.items() if end and label for key in (worded(label), label)}
    return found


def _flags(place: Delivered, title: str | None) -> list[bool]:
    return [cell.casefold() in _TRUE for cell in place.cells(title)] if title else []


def _end_in_words(label: str) -> str:
    """Does a deal's label itself say that it is won, lost or open? "" when it does not.

    >>> [_end_in_words(label) for label in ("7 - Closed Won", "Verloren", "closedlost", "Gagné", "Negotiation", "Out")]
    ['won', 'lost', 'lost', 'won', 'open', '']
    """
    plain = unicodedata.normalize("NFD", worded(label)).replace("\u0301", "").replace(" ", "")
    plain = plain.lstrip("0123456789").removeprefix("closed")
    return _END_OF.get(plain, "lost" if plain.startswith("lostto") else "")
