"""What `make run` and `make test` need on a bare machine; production needs none of it."""
