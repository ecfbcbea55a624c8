"""Who works here: users, their permissions, sign-in and its sessions."""
