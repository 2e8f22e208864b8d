"""What a customer did: recency, frequency and monetary value."""
