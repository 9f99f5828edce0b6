"""The laws by level. Importing this registers them all."""

from concur.testing.laws import cancel, errors, flow, meta, values

__all__ = ["cancel", "errors", "flow", "meta", "values"]
