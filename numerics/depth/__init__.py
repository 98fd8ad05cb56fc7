"""What a network of many layers carries and passes back, and how to initialise it for a depth."""
