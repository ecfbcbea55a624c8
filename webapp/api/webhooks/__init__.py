"""/api/v1/webhooks: where integrators want to be told of events."""
