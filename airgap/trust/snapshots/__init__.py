"""Trust snapshots: their content, the pins of their signers, the state of accepted ones, and how one is applied."""
