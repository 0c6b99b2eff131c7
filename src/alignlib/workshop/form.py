"""The short survey as a form, and the gap between the two teams as soon as enough people have answered."""

import uuid
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from alignlib.engagement import Period, Settings, read_engagement
from alignlib.errors import AlignError
from alignlib.instrument import read_instrument
from alignlib.resources import read_resource
from alignlib.result import NotJudged, Result
from alignlib.words import TEAM_NAMES, count, spelled
from alignlib.workshop.store import Answer, Store, responses, save_answers, tables_of


@dataclass
class Sheet:
    """What has one person chosen so far? The form without its widgets."""

    store: Store
    wave: str = ""
    respondent_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    team: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)

    def join(self, team: str) -> None:
        """Which team is this person in? Answers given before are then counted for it."""
        self.team = team
        for item, given in self.answers.items():
            self.choose(item, given.answer)

    def choose(self, item: str, choice: int | str | None) -> None:
        """What does this person answer to this item? A changed mind is a new answer with an id of its own."""
        answer = choice if isinstance(choice, int) else None
        self.answers[item] = Answer(
            self.respondent_id, self.team, item, answer, cannot_say=answer is None, wave=self.wave
        )

    def save(self) -> str:
        """Which sentence does the person read after "Save answers"? "Saved" only when the store has acknowledged."""
        if not self.team:
            return "Not saved yet: choose your team at the top first."
        if not self.answers:
            return "Not saved yet: answer at least one statement first."
        try:  # every answer keeps its id, so pressing again never counts one twice
            return f"Saved: {count(save_answers(self.store, list(self.answers.values())), 'answer')}."
        except AlignError as error:
            return f"Not saved. Your answers are still here: press Save answers again. ({error})"


def survey_form(store: Store, settings: Settings, wave: str = "") -> Any:
    """Where does one person answer the short survey? A form, nothing preselected, under a random code of its own."""
    instrument, sheet = read_instrument(), Sheet(store, wave)
    scale: dict[str, int | str] = {label: i for i, label in enumerate(instrument.scale, start=1)}
    scale[instrument.cannot_say] = "cannot say"
    asked = [item for item in instrument.form("short", []) if item.kind in ("agree", "conversation")]
    team = _choice("Your team", {name: code for code, name in TEAM_NAMES.items()})
    items = {item.item: _choice(f"{i} of {len(asked)}. {item.text}", scale) for i, item in enumerate(asked, start=1)}
    save = widgets.Button(description="Save answers", button_style="primary")
    style = widgets.HTML(f"<style>{read_resource('templates', 'survey', 'form.css')}</style>")
    promise = widgets.HTML(
        "<p>Your answers are kept without your name and without the time of day. A team's answers are shown only "
        f"together, from {spelled(settings.survey.smallest_group)} people on. Leave out what you do not want to "
        "answer.</p>"
    ).add_class("alignlib-say")
    said = widgets.HTML().add_class("alignlib-say")

    def say(text: str) -> None:
        said.value = f'<p role="alert">{escape(text)}</p>'

    def changed(act: Any, about: tuple[str, ...], change: Any) -> None:
        act(*about, change["new"])
        say("Not saved yet. Press Save answers when you are done.")

    team.observe(partial(changed, sheet.join, ()), "value")
    for code, radio in items.items():
        radio.observe(partial(changed, sheet.choose, (code,)), "value")
    save.on_click(lambda _: say(sheet.save()))
    return widgets.VBox([style, promise, team, *items.values(), save, said]).add_class("alignlib-form")


def gap_view(store: Store, settings: Settings) -> Result:
    """Where do the two teams part, on the answers saved so far? The survey's own ``diagnose`` says it.

    While either team has fewer people than the smallest group the result only says that it waits: no figure, no count.
    """
    least = settings.survey.smallest_group
    people = {(answer.team, answer.respondent_id) for answer in responses(store) if answer.answer is not None}
    teams = [team for team, _ in people]
    short = " and ".join(f"in {name}" for team, name in TEAM_NAMES.items() if teams.count(team) < least)
    if not short:
        from alignlib.diagnostics import survey

        return survey.diagnose(tables_of(store), settings)
    why = f"fewer than {spelled(least)} people have answered {short}"
    return Result(
        diagnostic="survey", question="Where do the two teams part?", headline=f"Waiting: {why}.",
        summary=f"The gap is shown once at least {spelled(least)} people in each team have saved their answers.",
        not_judged=[NotJudged(what="The gap between the two teams", why=why, theme="common_language",
                              settle=f"answers from at least {spelled(least)} people {short}")],
    )  # fmt: skip


def settings(engagement: str | Path = "") -> Settings:
    """What was agreed with this client, from the folder's engagement.yml? Without one: no limit, groups of five."""
    if engagement:
        return read_engagement(Path(engagement))
    today = date.today()
    return Settings(
        version=1, client="Workshop", period=Period(start=today, end=today), as_of=today, currency="EUR", timezone="UTC"
    )


def _choice(text: str, options: dict[str, int | str]) -> Any:
    """One statement and its native radio buttons, none chosen; the text is shown as text, never as HTML."""
    radio = widgets.RadioButtons(options=list(options.items()), value=None, description=text, orientation="horizontal")
    return radio.add_class("alignlib-choice")
