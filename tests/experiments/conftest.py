"""The engines of the contract suite: what is told of experiments holds on each of them."""

from tests.contract.conftest import engine, new_url, open_new, store

__all__ = ["engine", "new_url", "open_new", "store"]
