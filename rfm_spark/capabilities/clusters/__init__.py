"""Cluster models are trained, applied, profiled and kept; whether one still fits is judged in `drift`."""
