"""The life of a run, from its acceptance over every change of state to its end."""
