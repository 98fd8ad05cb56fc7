"""Certificates: whether a surrogate has a critical initialisation, proven by algebra and ball arithmetic."""
