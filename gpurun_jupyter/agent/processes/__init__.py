"""Processes of this machine: forked, found, ended, waited for. POSIX only."""
