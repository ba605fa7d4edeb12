"""How a run and what is known of it are drawn, in a notebook and in a terminal; asks no server."""
