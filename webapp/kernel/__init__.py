"""What every part of the product builds on; it knows no web and no feature."""
