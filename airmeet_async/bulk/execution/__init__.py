"""A run while it sends: the engine, the order of rows, and what pauses or ends a run."""
