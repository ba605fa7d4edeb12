"""Text as a terminal would show it, as far as bars need."""
