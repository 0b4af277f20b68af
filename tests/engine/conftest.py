"""Fixtures for the tests of the engine."""

from engine_room import engine, narrow_engine

__all__ = ["engine", "narrow_engine"]
