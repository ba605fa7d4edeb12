"""Files by content: the blobs, who refers to them, how they come in, data sets that name them."""
