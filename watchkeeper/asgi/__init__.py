"""What happens around an ASGI application: requests, WebSockets, routes and its life?"""
