"""Examine a dataset: everything that stops training, spoils it, or makes its scores misleading.

Readers report what they cannot use. Checks add what can be read but should be known. Each is a `Check` of one of the
modules `*_checks`, and all are listed in `examination.CHECKS`.
"""
