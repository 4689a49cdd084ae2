"""What is an alert, a promise and a case, and how do they become rules?"""
