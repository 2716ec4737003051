"""What a receptionist does on the telephone, besides talking."""
