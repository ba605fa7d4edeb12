"""MLflow's tracking REST in our words: what it asks, what it is answered. Who answers is elsewhere (two doors)."""
