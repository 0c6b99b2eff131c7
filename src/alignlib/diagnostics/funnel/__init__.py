"""From inquiry to won: where do leads stall, between whom, for how long, and how sure are we?"""

from alignlib.diagnostics.funnel.diagnosis import diagnose
from alignlib.diagnostics.funnel.what_if import what_if

__all__ = ["diagnose", "what_if"]
