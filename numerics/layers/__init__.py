"""Layers of surrogates as Torch modules."""
