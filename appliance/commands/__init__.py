"""What people run: each a command of `appliance`."""
