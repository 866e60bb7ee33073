"""A simulated A2E on this machine: same paths, same envelope, same faults, no account."""
