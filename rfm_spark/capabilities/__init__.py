"""What the product can do, one folder each: settings, tables, transforms, steps and a section of the report."""

# Folders here, in the order in which their columns and sections come. A new capability is one more.
CAPABILITIES = ("purchases", "rfm", "segments", "clusters", "events", "engagement", "movement", "drift")
