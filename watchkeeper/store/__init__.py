"""How do the counts of many processes become one truth in Redis?"""
