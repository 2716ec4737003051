"""The box's own page."""
