"""/api/v1/webhooks: the addresses that integrators register for events, and the deliveries to them."""
