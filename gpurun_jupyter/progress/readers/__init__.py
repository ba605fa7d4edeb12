"""Readers: each knows a format of what trainings print or display, and says what it reads there. Pure."""
