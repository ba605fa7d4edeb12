"""Placement: which waiting run gets which devices, and why the others wait. Pure: no database, no clock.

`plan.py` decides a round, `waiting.py` explains it; `offers.py` holds what both are told.
"""
