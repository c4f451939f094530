"""Engram's index beside other libraries on the same files; `scripts/peers` runs it."""
