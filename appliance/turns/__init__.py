"""When a turn begins and ends, whose it is, and who cuts in."""
