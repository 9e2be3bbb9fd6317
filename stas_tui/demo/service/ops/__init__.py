"""Small programs for running the service."""
