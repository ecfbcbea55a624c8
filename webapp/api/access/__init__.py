"""/api/v1/auth: registering, signing in, renewing and ending access."""
