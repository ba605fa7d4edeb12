"""Launch files and sweeps: what one would do, and doing it."""
