"""Does the project do what it says? One folder per package."""
