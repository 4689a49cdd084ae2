"""Does what this repository promises hold?"""
