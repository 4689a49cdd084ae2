"""What makes an ASGI application observable, in one line."""
