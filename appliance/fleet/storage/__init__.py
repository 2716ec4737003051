"""Where the fleet's memory lies: SQLite's files or a PostgreSQL, and the tables of either."""
