"""Printed lines that say how far a training is and what it measures, each format as the plan of a line's shape."""
