"""A task's life in the order it is lived: intake, start, poll, store, cancel, repair."""
