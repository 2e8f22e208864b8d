"""Measures become cut points, scores, percentiles and z-scores; what segments are called is decided in `segments`."""
