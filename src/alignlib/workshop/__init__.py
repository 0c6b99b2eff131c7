"""A workshop's own ways in: a form, the store that keeps its answers, and the two teams' gap on them at once."""

from alignlib.workshop.form import gap_view, settings, survey_form
from alignlib.workshop.store import open_store, responses, save_answers

__all__ = ["gap_view", "open_store", "responses", "save_answers", "settings", "survey_form"]
