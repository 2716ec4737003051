"""What is meant, what is known of it, and how that is said."""
