"""What decides: which run is accepted, which state follows which, who gets which device, why a run waits."""
