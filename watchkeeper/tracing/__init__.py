"""Which trace does a request belong to, and which spans does it leave?"""
