"""Customer segmentation for the lakehouse: versioned, explained, monitored; importing it starts nothing."""

import sys

from rfm_spark.core.versions import must_suffice

__version__ = "0.1.0"

# An older Python would fail somewhere in the imports, with an error that says nothing.
must_suffice(sys.version_info[:3])
