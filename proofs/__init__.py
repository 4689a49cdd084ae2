"""Is what this repository claims true? Everything is proven offline, before it is written or deployed."""
