"""Sweeps: a grid of trainings that survives whatever is killed, and when."""
