"""The reference service does what the contract and its own description say."""
