"""How to ask Airmeet: the send loop, the token, the rate limiter and the transports."""
