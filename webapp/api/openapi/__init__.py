"""The published contract: the OpenAPI document built from what the routes declare, its readers, its command."""
