"""The fixed cast, factories and fakes of the tests."""
