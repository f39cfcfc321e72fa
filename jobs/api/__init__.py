"""The HTTP APIs of jobs: the one that Provena's Python client speaks, and our own."""
