"""`appliance bench phone`: what the telephone adds to how long callers wait, and how many it carries."""

from appliance.bench.phone.command import main

__all__ = ["main"]
