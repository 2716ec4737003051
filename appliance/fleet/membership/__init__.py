"""Who is of the fleet: invited, enrolled and revoked, each box with a certificate of its own."""
