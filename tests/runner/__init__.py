"""Runs what `make` offers. Standard library only, since it is what creates the virtual environments."""
