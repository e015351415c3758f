"""Parameterised notebooks for ECG and medical-image analysis with deep learning, and the thin library behind them."""

__version__ = "0.1.0"
