"""What customers pay month by month, and how that changed."""
