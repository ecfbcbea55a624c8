"""/api/v1/users: who uses the product, what they may do, and their keys for programs."""
