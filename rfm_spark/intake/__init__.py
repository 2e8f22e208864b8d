"""Raw sources to clean lines and orders; what can't be used is rejected with a reason."""
