"""What an operating system offers, in the few forms that gpurun needs. POSIX only."""
