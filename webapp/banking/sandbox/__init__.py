"""A bank for development: a real HTTP server that answers as Banesco does, and fails as it does.

It stands for another company's computer, so it shares nothing with the product: no database, no
settings, no helpers. `docs/sandbox.md` describes it; `server.SandboxServer` starts it in a test.
"""
