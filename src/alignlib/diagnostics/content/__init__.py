"""Is the content used, current, and at hand where deals stand?"""

from alignlib.diagnostics.content.diagnosis import diagnose

__all__ = ["diagnose"]
