"""The JSON API for integrators, under /api/v1: bearer tokens only, never the browser's session."""
