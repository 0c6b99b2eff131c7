"""Many audits at once: planned, run apart, kept whole whatever happens, and told on one page."""
