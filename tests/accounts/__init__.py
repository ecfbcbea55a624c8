"""Users, permissions, sign-in and keys."""
