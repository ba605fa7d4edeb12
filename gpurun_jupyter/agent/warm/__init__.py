"""What makes a start quick: the process that kernels and runners are forked from, ready spares, sessions."""
