"""Causes, a file each: what one is recognised by in a network that was measured, and what to change."""
