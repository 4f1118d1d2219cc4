"""What Airmeet is: operations, values, what a reply means, when to try again. No I/O, no clock, no randomness."""
