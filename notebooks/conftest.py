"""`pytest --nbval notebooks` compares results bundles and figures by medlib's own rules."""

from medlib.execution.comparison import pytest_configure, pytest_itemcollected

__all__ = ["pytest_configure", "pytest_itemcollected"]
