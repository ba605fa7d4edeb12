"""What is taken away: runs that were deleted, and what old ones left."""
