"""The writer of OCI image layouts, which the demonstration has as well."""

from __future__ import annotations

from sealmark.cli.demo.layout import BuiltLayer, write_image, write_layer

__all__ = ["BuiltLayer", "write_image", "write_layer"]
