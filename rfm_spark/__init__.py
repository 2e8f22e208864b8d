"""Customer segmentation for the lakehouse: versioned, explained, monitored."""

__version__ = "0.1.0"
