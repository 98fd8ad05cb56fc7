"""Gaussian expectations: the node, the rules that close it, the functions they need, and any precision."""
