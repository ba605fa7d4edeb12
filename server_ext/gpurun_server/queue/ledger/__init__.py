"""What is known of the queue: kept in memory, brought up to date from the database, shown to who asks."""
