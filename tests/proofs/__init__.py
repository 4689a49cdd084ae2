"""Tests of the proofs: planted faults are found, and named."""
