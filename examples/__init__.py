"""What does an observed service look like?"""
