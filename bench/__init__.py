"""Measurements with real processes; they print ratios and counts, which mean the same on any machine."""
