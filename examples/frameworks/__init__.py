"""The smallest observed application in each framework: two lines more than without."""
