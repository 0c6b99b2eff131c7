"""What do the two teams say of each other, where do they part, and how sure are we?"""

from alignlib.diagnostics.survey.answers import last_wave
from alignlib.diagnostics.survey.diagnosis import diagnose
from alignlib.diagnostics.survey.releases import release_log

__all__ = ["diagnose", "last_wave", "release_log"]
