"""The door to Flask: guard, error pages, language, assets, health, and what every page has around it."""
