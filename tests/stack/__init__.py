"""Is every mistake in stack.toml named?"""
