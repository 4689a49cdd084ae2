"""Which series do we read that others expose? Each module is one source, and each name is spelled there alone."""
