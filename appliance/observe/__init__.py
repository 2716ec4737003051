"""What is written down about a call: recordings, and the account of its turns, which traces are made of."""
