"""A stand-in for A2E on this machine: same addresses, same envelope, same faults, no account."""
