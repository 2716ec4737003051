"""What the box remembers, in SQLite."""
