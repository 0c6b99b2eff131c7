"""From three diagnostics to one judgement: which grievances hold, what is at stake, and what to do first."""

from alignlib.audit.judgement import audit

__all__ = ["audit"]
