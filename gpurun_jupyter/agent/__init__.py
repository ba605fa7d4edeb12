"""What runs on a machine with devices: the agent takes runs, a runner carries out each attempt. POSIX only."""
