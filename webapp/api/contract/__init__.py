"""The published contract of the API, built from what the routes declare."""
