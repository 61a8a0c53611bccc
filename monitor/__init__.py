"""Watch cameras and video files, name what people do, raise alerts."""

__version__ = "0.1.0"
