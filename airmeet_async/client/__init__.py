"""How to ask Airmeet: transport, session, pace and the send loop."""
