"""What routes of the API declare of themselves, and the words of the contract: formats, examples, headers."""
