"""Is the content used, current, and at hand where deals stand?"""

from alignlib.diagnostics.content.diagnosis import diagnose
from alignlib.diagnostics.content.library import inventory

__all__ = ["diagnose", "inventory"]
