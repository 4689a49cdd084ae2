"""Is everything written, or nothing?"""
