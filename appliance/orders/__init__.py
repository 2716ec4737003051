"""What the fleet has this box do and be."""
