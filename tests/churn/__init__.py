"""Tests of churn."""
