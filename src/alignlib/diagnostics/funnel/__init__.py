"""From inquiry to won: where do leads stall, between whom, for how long, and how sure are we?"""

from alignlib.diagnostics.funnel.diagnosis import diagnose

__all__ = ["diagnose"]
