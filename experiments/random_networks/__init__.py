"""Random networks and their Jacobians, simulated beside the theory."""
