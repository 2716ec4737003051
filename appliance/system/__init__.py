"""What any service owes the machine it runs on: whole files, keys, the service manager, logs, figures."""
