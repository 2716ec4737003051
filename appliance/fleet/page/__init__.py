"""The fleet's page and its REST API, and what both show of the store."""
