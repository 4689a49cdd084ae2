"""Under which keys does a scope or an environ carry what only the framework knows?"""

ERROR = "watchkeeper.error"
"""The exception that a framework answered with 500 by itself."""

ROUTE = "watchkeeper.route"
"""The template of the route that answered."""
