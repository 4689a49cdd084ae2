"""Does a post-mortem tell what Prometheus remembers?"""
