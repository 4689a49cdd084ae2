"""Which series does the instrumentation expose, with which labels? The standard library is all it needs."""
