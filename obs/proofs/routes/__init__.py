"""Does every alert reach the human it is meant for?"""
