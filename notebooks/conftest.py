"""`pytest --nbval notebooks` compares results bundles and figures by medlib's own rules."""

from medlib.execution.comparison import pytest_configure, pytest_itemcollected, pytest_runtest_call

__all__ = ["pytest_configure", "pytest_itemcollected", "pytest_runtest_call"]
