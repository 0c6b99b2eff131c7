"""What do the two teams say of each other, where do they part, and how sure are we?"""

from alignlib.diagnostics.survey.answers import item_means, release_log
from alignlib.diagnostics.survey.diagnosis import diagnose

__all__ = ["diagnose", "item_means", "release_log"]
