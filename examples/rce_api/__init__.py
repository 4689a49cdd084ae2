"""A small chat service that emits every series of the contract: rooms over HTTP and WebSocket, deliveries as jobs."""
