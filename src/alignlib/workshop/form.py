"""The short survey as a form, and the gap between the two teams as soon as enough people have answered."""

import uuid
from dataclasses import dataclass, field
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

from alignlib.engagement import Period, Settings, read_engagement
from alignlib.errors import AlignError
from alignlib.instrument import Instrument, read_instrument
from alignlib.result import NotJudged, Result
from alignlib.words import TEAM_NAMES, count, spelled
from alignlib.workshop.store import Answer, Store, responses, save_answers, tables_of

CANNOT_SAY = "cannot say"
_STYLE = """<style>
.alignlib-form { max-width: 860px; gap: 4px; padding: 0 8px; }
.alignlib-choice { display: block; width: auto; margin: 0 0 14px; border-bottom: 1px solid var(--jp-border-color2); }
.alignlib-choice > .widget-label { width: auto; height: auto; text-align: left; white-space: normal;
  font-size: 15px; font-weight: 600; line-height: 1.4; overflow: visible; padding: 0 0 4px; }
.alignlib-choice .widget-radio-box { flex-wrap: wrap; column-gap: 20px; margin: 0 0 8px !important; }
.alignlib-choice .widget-radio-box label { height: auto; margin: 0; padding: 5px 0; line-height: 20px; font-size: 14px;
  cursor: pointer; }
.alignlib-choice .widget-radio-box input { width: 17px; height: 17px; margin: 1px 7px 0 1px; }
.alignlib-form .widget-button { align-self: flex-start; width: auto; height: auto; padding: 8px 24px;
  line-height: 20px; font-size: 15px; }
.alignlib-say p[role] { font-weight: 600; }
.alignlib-say p { margin: 8px 0; font-size: 15px; line-height: 1.4; white-space: normal; }
</style>"""


@dataclass
class Sheet:
    """What has one person chosen so far, and what of it has the store acknowledged? The form without its widgets."""

    store: Store
    wave: str = ""
    respondent_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    team: str | None = None
    chosen: dict[str, int | str] = field(default_factory=dict)
    waiting: dict[str, Answer] = field(default_factory=dict)

    def join(self, team: str) -> None:
        """Which team is this person in? Answers given before are then counted for it."""
        self.team = team
        for item, choice in self.chosen.items():
            self.choose(item, choice)

    def choose(self, item: str, choice: int | str) -> None:
        """What does this person answer to this item? A changed mind is a new answer with an id of its own."""
        self.chosen[item] = choice
        answer = choice if isinstance(choice, int) else None
        self.waiting[item] = Answer(
            self.respondent_id, self.team or "", item, answer, cannot_say=answer is None, wave=self.wave
        )

    def save(self) -> str:
        """Which sentence does the person read after "Save answers"? "Saved" only when the store has acknowledged."""
        if self.team is None:
            return "Not saved yet: choose your team at the top first."
        if not self.chosen:
            return "Not saved yet: answer at least one statement first."
        try:
            save_answers(self.store, list(self.waiting.values()))
        except AlignError as error:  # what waits keeps its ids, so pressing again never counts an answer twice
            return f"Not saved. Your answers are still here: press Save answers again. ({error})"
        self.waiting.clear()
        return f"Saved: {count(len(self.chosen), 'answer')}."


def survey_form(store: Store, settings: Settings, wave: str = "") -> Any:
    """Where does one person answer the short survey? An ipywidgets form; each form is one person under a random code.

    Nothing is preselected, statements may be left out, and an answer can be corrected and saved again.
    """
    import ipywidgets as widgets

    instrument, sheet = read_instrument(), Sheet(store, wave)
    team = _choice("Your team", {name: code for code, name in TEAM_NAMES.items()})
    items = {code: _choice(text, _answers(instrument)) for code, text in _statements(instrument).items()}
    save = widgets.Button(description="Save answers", button_style="primary")
    said = widgets.HTML().add_class("alignlib-say")

    def say(text: str) -> None:
        said.value = f'<p role="alert">{escape(text)}</p>'

    def changed(act: Any, *about: str) -> Any:
        def tell(change: Any) -> None:
            act(*about, change["new"])
            say("Not saved yet. Press Save answers when you are done.")

        return tell

    team.observe(changed(sheet.join), "value")
    for code, radio in items.items():
        radio.observe(changed(sheet.choose, code), "value")
    save.on_click(lambda _: say(sheet.save()))
    style, promise = widgets.HTML(_STYLE), widgets.HTML(f"<p>{escape(_promise(settings))}</p>")
    promise.add_class("alignlib-say")
    return widgets.VBox([style, promise, team, *items.values(), save, said]).add_class("alignlib-form")


def gap_view(store: Store, settings: Settings) -> Result:
    """Where do the two teams part, on the answers saved so far? The survey's own ``diagnose`` says it.

    While either team has fewer people than the smallest group the result only says that it waits: no figure, no count.
    """
    short = _too_few(store, settings)
    if short:
        return _waiting(short, settings)
    from alignlib.diagnostics import survey

    return survey.diagnose(tables_of(store), settings)


def settings(engagement: str | Path = "") -> Settings:
    """What was agreed with this client, from the folder's engagement.yml? Without one: no limit, groups of five."""
    if engagement:
        return read_engagement(Path(engagement))
    today = date.today()
    return Settings(
        version=1, client="Workshop", period=Period(start=today, end=today), as_of=today, currency="EUR", timezone="UTC"
    )


def _too_few(store: Store, settings: Settings) -> list[str]:
    """Which teams have fewer people with an answer than may be shown?"""
    given = [answer for answer in responses(store) if answer.answer is not None]
    people = {team: {answer.respondent_id for answer in given if answer.team == team} for team in TEAM_NAMES}
    return [name for team, name in TEAM_NAMES.items() if len(people[team]) < settings.survey.smallest_group]


def _waiting(teams: list[str], settings: Settings) -> Result:
    least = spelled(settings.survey.smallest_group)
    of = " and ".join(f"in {name}" for name in teams)
    why = f"fewer than {least} people have answered {of}"
    return Result(
        diagnostic="survey",
        question="Where do the two teams part?",
        headline=f"Waiting: {why}.",
        summary=f"The gap is shown once at least {least} people in each team have saved their answers.",
        not_judged=[
            NotJudged(
                what="The gap between the two teams",
                why=why,
                settle=f"answers from at least {least} people {of}",
                theme="common_language",
            )
        ],
    )


def _choice(text: str, options: dict[str, int | str]) -> Any:
    """One statement and its native radio buttons, none chosen; the text is shown as text, never as HTML."""
    import ipywidgets as widgets

    radio = widgets.RadioButtons(options=list(options.items()), value=None, description=text, orientation="horizontal")
    return radio.add_class("alignlib-choice")


def _statements(instrument: Instrument) -> dict[str, str]:
    total = len(instrument.items)
    return {code: f"{i} of {total}. {item.text}" for i, (code, item) in enumerate(instrument.items.items(), start=1)}


def _answers(instrument: Instrument) -> dict[str, int | str]:
    return {**{label: i for i, label in enumerate(instrument.scale, start=1)}, "Cannot say": CANNOT_SAY}


def _promise(settings: Settings) -> str:
    least = spelled(settings.survey.smallest_group)
    return (
        "Your answers are kept without your name and without the time of day. "
        f"A team's answers are shown only together, from {least} people on. "
        "Leave out what you do not want to answer."
    )
