"""`appliance bench turns`: recorded callers talk to the whole desk, and how it takes its turns is measured
from the two-channel recordings."""

from appliance.bench.turns.command import main

__all__ = ["main"]
