"""What can a person ask of this repository? One module a verb: arguments, words and exit code."""
