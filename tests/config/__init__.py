"""Do the programs of the stack start from what we write, and does every alert reach someone?"""
