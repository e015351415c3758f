"""Runs as a static site that opens from disk: nothing in it runs, and nothing is loaded from elsewhere."""
