"""Hostile and odd requests, and what is needed to judge what a proxy makes of them.

SPDX-License-Identifier: MIT
"""
