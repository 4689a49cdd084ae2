"""Does the contract with exporters hold against what they were recorded to expose?"""
