"""What agents ask and are told: reports, claims, leases, wake-ups."""
