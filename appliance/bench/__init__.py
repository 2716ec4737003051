"""Measuring the desk on recordings of real people."""
