"""What Airmeet is. Pure: no await, no clock, no chance, no network."""
