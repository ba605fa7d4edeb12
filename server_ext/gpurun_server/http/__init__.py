"""The HTTP interface: one file for each noun. Handlers decode, ask, answer; they decide nothing."""
