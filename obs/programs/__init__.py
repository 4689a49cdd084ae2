"""Which real programs are on this machine, and how are they started, asked and awaited?"""
