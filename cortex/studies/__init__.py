"""Protocols that several experiments share."""
