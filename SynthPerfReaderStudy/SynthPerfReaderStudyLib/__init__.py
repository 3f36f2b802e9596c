"""Blinded reading of perfusion maps: protocol, allocation, records, sessions, statistics, report."""
