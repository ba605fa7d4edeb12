"""What is shipped: files by content, big bodies, data sets by name."""
