"""Agents of other machines: they show a key of their own, and Jupyter's sign-in does not count."""
