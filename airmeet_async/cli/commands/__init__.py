"""One module per group of commands: the work behind each."""
