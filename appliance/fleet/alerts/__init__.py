"""What needs attention: what is looked at, what counts as wrong, and who is told."""
