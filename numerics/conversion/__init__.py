"""Torch models of plain layers as models of surrogate layers, and back."""
