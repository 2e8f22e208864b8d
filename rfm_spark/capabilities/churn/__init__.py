"""Who is about to stop, told from what customers like them did before."""
