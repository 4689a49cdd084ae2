"""How is a plan carried out, verified and undone?"""
