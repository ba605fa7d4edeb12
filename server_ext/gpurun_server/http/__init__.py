"""The HTTP interface: a file or a folder for each noun. Handlers decode, ask, answer; they decide nothing."""
