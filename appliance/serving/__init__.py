"""What calls are served with, how many at once, and what is kept of them."""
