"""What boxes are to be: bundles, and how they reach many boxes in waves."""
