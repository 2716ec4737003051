"""What is kept of what boxes tell: each word of it once, and what is known of a box by it."""
