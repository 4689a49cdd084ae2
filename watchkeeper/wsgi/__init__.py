"""What happens around a WSGI application: Flask, Django, and any other?"""
