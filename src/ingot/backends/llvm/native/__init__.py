"""Calls of compiled functions without Python between the call and the kernel."""
