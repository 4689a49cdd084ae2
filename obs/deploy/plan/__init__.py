"""What would a push change, and what is in its way?"""
