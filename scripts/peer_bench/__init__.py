"""Engram beside other libraries and stores on the same files; `scripts/peers` runs it."""
