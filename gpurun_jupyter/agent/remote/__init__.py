"""The agent of another machine: the same agent, with a link over HTTPS that only ever dials out."""
