"""The people who look after the fleet: how they come in, which boxes they see, what they changed."""
