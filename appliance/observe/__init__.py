"""What is written down about a call: recordings now; traces and scores later."""
