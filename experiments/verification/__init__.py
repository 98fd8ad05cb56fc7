"""Checks of a derived theory, each shown a wrong formula."""
