"""A front desk that answers by itself, offline."""

__version__ = "0.1.0"
