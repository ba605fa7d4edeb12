"""What of a directory is shipped: its files, without what is ignored and what looks like a secret, and their content.

The client collects what lies on its machine, the server what a launch file names below Jupyter's root.
"""
