"""The rows of a run before anything is sent: sources, columns, operations, duplicates, the plan."""
