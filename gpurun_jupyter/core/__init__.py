"""The words of gpurun: what a run, an event, a device are, whoever speaks of them. Imports nothing else of gpurun."""
