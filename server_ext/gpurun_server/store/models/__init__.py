"""The model registry: names, versions, aliases, and their files."""
