"""What each operation does: one small function per row of the routing table."""
