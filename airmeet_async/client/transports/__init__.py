"""How bytes travel: the protocol, the httpx transport, the llhttp transport, and which one a client uses."""
