"""Where the manager works on the desk file."""
