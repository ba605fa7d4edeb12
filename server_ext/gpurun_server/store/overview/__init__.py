"""What the Overview page says of all runs together."""
