"""What does a person look at, and what does each board answer? Each module is one board."""
