"""The central server of a fleet: what boxes tell is kept and shown, and boxes are told what to do."""
