"""Trust snapshots: what they hold, who may sign them, which were accepted, and how one comes into force."""
