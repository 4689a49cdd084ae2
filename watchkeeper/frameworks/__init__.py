"""Where do frameworks that handle their own exceptions say which route answered, and what was raised?"""
