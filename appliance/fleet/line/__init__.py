"""The line between the server and the boxes: what they tell and ask, and what they are told."""
