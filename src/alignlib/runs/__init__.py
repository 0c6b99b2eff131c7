"""Running notebooks so that a report exists only when every cell ran."""
