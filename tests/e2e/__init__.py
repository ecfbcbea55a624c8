"""The whole product as it runs: web, worker, bank sandbox and PostgreSQL, each a process of its own."""
