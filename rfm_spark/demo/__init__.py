"""The demo and its simulated data; nothing of a real run is here."""
