"""Does what we write run in the real programs? These tests need them on PATH: `make e2e` says which are missing."""
