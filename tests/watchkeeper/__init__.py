"""The instrumentation, through its public doors and against a real Redis-compatible server."""
