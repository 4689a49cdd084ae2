"""How do job libraries tell what happens to their jobs? One module each, imported by whoever uses the library."""
