"""What can break, and who hears of it? Each module is one thing that can, with the proof of its rules."""
