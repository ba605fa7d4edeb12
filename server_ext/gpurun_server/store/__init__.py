"""What is kept: the tables, the database they live in, the questions asked of them, the blobs. Decides nothing."""
