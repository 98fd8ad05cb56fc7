"""Fixed points, depth scales, critical curves and phase diagrams."""
