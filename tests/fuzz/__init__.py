"""Random programs and malformed arguments, for as long as one likes: `make fuzz`."""
