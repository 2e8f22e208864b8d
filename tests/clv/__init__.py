"""Tests of predictions of orders and spend."""
