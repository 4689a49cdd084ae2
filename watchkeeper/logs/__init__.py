"""How does every record become one line of JSON, and an exception a Sentry event?"""
