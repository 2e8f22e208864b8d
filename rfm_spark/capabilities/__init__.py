"""What the product can do, one folder each: settings, tables, steps, sections; how steps run is in `pipeline`."""

# Folders here, in the order in which their columns and sections come. A new capability is one more.
CAPABILITIES = (
    "purchases",
    "customers",
    "rfm",
    "segments",
    "clusters",
    "events",
    "engagement",
    "subscriptions",
    "usage",
    "movement",
    "drift",
    "lifecycle",
    "cohorts",
    "groups",
    "clv",
    "churn",
    "value",
)
