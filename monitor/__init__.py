"""Watch cameras and video files, name what people do, raise alerts.

What a program of one's own may use is in `__all__`:

>>> from monitor import Callback, Camera, Model, Monitor, Region
>>> model = Model("fight")  # of the package; Model("falls.onnx") is a file of yours
>>> model.metadata.labels
('fight', 'nofight')
>>> door = Region(name="door", box=(0.1, 0.4, 0.35, 0.9))
>>> camera = Camera(name="hall", source="rtsp://192.0.2.10/stream2", regions=(door,))
>>> monitor = Monitor([camera], model)  # `for alert in monitor:` watches
>>> monitor = Monitor([camera], model, [Callback(print)])  # `monitor.run()` calls it for each alert
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.config.options import CameraOptions as Camera
    from monitor.config.options import MonitorOptions as Options
    from monitor.config.options import RegionOptions as Region
    from monitor.errors import MonitorError
    from monitor.events.alert import AlertEvent
    from monitor.events.feed import Callback
    from monitor.pipeline.monitor import Monitor
    from monitor.recognition.classifier import OnnxClassifier as Model

__version__ = "0.1.0"
# Each name's module and its name there; imported when it is used, for most commands need none.
_PUBLIC = {
    "Callback": ("monitor.events.feed", "Callback"),
    "AlertEvent": ("monitor.events.alert", "AlertEvent"),
    "Camera": ("monitor.config.options", "CameraOptions"),
    "Model": ("monitor.recognition.classifier", "OnnxClassifier"),
    "Monitor": ("monitor.pipeline.monitor", "Monitor"),
    "MonitorError": ("monitor.errors", "MonitorError"),
    "Options": ("monitor.config.options", "MonitorOptions"),
    "Region": ("monitor.config.options", "RegionOptions"),
}
__all__ = [
    "AlertEvent",
    "Callback",
    "Camera",
    "Model",
    "Monitor",
    "MonitorError",
    "Options",
    "Region",
    "__version__",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, own_name = _PUBLIC[name]
    return getattr(import_module(module), own_name)
