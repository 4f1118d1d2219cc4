"""How bytes travel: over httpx, or over connections of our own."""
