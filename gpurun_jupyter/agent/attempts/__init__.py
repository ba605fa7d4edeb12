"""An attempt as the agent carries it out: from its grant to the report of its end."""
