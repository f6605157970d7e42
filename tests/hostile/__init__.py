"""Peers, sources and bytes that want to do harm."""
