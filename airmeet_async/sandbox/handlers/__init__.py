"""What each operation does: one function per row of the table in `routes`."""
