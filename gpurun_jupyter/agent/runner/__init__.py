"""Carries out an attempt, in a process of its own: workspace, process or kernel, log, ending."""
