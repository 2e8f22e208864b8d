"""Tests of value."""
