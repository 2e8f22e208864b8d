"""KMeans clusters on standardised log features, with profiles and names."""
