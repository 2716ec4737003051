"""What a box tells its fleet, and what the fleet tells a box."""
