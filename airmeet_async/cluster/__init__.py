"""Several processes or hosts as one: a token and a rate that they share in Redis (extra ``redis``)."""
