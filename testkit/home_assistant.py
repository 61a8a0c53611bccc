"""Home Assistant's own check of what it is told by MQTT discovery, read from its package.

The package wants a newer Python and dozens of others. What checks a discovery message needs
neither: the modules named here are taken from the wheel as they are, all that they import beside
is replaced by stand-ins, and type parameters, which Python 3.11 does not know, are left out.
It runs in a process of its own, for it changes how that imports.
"""

import __future__

import importlib.abc
import importlib.machinery
import importlib.util
import json
import re
import subprocess
import sys
import types
import typing
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testkit import ROOT
from testkit.patience import LIMIT_S

PLATFORMS = ("binary_sensor", "event", "image", "number", "sensor", "switch")
_MQTT = ("abbreviations", "config", "const", "discovery", "schemas", "util", *PLATFORMS)
_TAKEN = {
    "homeassistant.const",
    "homeassistant.generated.entity_platforms",
    "homeassistant.helpers.config_validation",
    "homeassistant.helpers.entity",
    "homeassistant.util.enum",
    "homeassistant.util.unit_conversion",
    *(f"homeassistant.components.mqtt.{name}" for name in _MQTT),
    *(f"homeassistant.components.{name}" for name in PLATFORMS),
    *(f"homeassistant.components.{name}.const" for name in PLATFORMS),
}
_PARAMETERS = re.compile(r"^( *(?:async )?(?:def|class) \w+)\[(?:[^][]|\[[^]]*\])*\](?=[(:])", re.M)
_ENTITIES = "\nasync def async_setup_entry("  # begin here; the schemas stand before
_ALIAS = re.compile(r"^type (\w+)(?:\[[^=]*\])? =", re.M)


def refused(packages: Path, payloads: Sequence[str]) -> list[str]:
    """What Home Assistant's schemas say of each discovery payload of a device; empty: nothing.

    `packages` is a folder with the wheels of homeassistant and voluptuous.
    """
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, *map(str, packages.glob("*.whl"))],
        input=json.dumps(payloads),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert isinstance(said, list)
    return said


class _Base:
    def __init_subclass__(cls, **_: Any) -> None:
        pass


class _Any:
    """Whatever a module imports that checks nothing here: a class, a function, a decorator."""

    __iter__ = None  # else there would be items without end

    def __call__(self, *given: Any, **_: Any) -> Any:
        return given[0] if given and callable(given[0]) else self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Any()

    def __getitem__(self, _: Any) -> Any:
        return self

    def __or__(self, _: Any) -> Any:
        return self

    __ror__ = __or__

    def __instancecheck__(self, _: Any) -> bool:
        return False

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        first = next(base for base in bases if isinstance(base, _Any))
        return (_Base,) if self is first else ()


class _StandIn(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = f"{self.__name__}.{name}"
        return importlib.import_module(inner) if inner in _TAKEN else _Any()


class _Importer(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules that are taken in the wheel; of all that is not installed, a stand-in."""

    def __init__(self, wheel: str) -> None:
        self._files = zipfile.ZipFile(wheel)
        self._names = set(self._files.namelist())

    def _file(self, name: str) -> str | None:
        path = name.replace(".", "/")
        files = f"{path}.py", f"{path}/__init__.py"
        return next((file for file in files if name in _TAKEN and file in self._names), None)

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec:
        """Asked for what is nowhere else."""
        file = self._file(name)
        return importlib.machinery.ModuleSpec(
            name, self, is_package=file is None or file.endswith("/__init__.py")
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        """The usual one for what is taken."""
        if self._file(spec.name):
            return None
        made = _StandIn(spec.name)
        made.__path__ = []  # a package, with stand-ins in it
        return made

    def exec_module(self, module: types.ModuleType) -> None:
        """Run it, as far as it is taken."""
        file = self._file(module.__name__)
        if file is not None:
            source = self._files.read(file).decode()
            source = _ALIAS.sub(r"\1 =", _PARAMETERS.sub(r"\1", source))
            if file.startswith("homeassistant/components/mqtt/"):
                source = source.partition(_ENTITIES)[0]
            flags = __future__.annotations.compiler_flag  # they name what was left out
            exec(compile(source, file, "exec", flags), module.__dict__)


def _main() -> None:
    wheels = sys.argv[1:]
    [package] = [one for one in wheels if Path(one).name.startswith("homeassistant-")]
    sys.path += [one for one in wheels if one != package]  # voluptuous runs from its wheel
    if not hasattr(typing, "override"):  # before Python 3.12
        typing.override = _Any()  # type: ignore[attr-defined, unused-ignore]
    sys.meta_path.append(_Importer(package))
    import voluptuous as vol

    names = (f"homeassistant.components.mqtt.{name}" for name in ("discovery", *PLATFORMS))
    discovery, *platforms = map(importlib.import_module, names)
    schemas = {name: one.DISCOVERY_SCHEMA for name, one in zip(PLATFORMS, platforms, strict=True)}

    def check(payload: str) -> str:
        told = json.loads(payload)
        discovery._replace_all_abbreviations(told)
        try:
            discovery.DEVICE_DISCOVERY_SCHEMA(told)
            for name, part in told["components"].items():
                platform = part.pop("platform")
                known = {str(key) for key in _keys(schemas[platform])}
                if unknown := sorted(part.keys() - known):
                    return f"{name}: it would leave out {unknown}"
                discovery._merge_common_device_options(part, told)
                schemas[platform](part | {"device": told["device"], "origin": told["origin"]})
        except vol.Invalid as error:
            return str(error)
        return ""

    def _keys(schema: Any) -> Any:
        """Of a schema, or of the first of several."""
        while isinstance(schema, vol.All):
            schema = schema.validators[0]
        return schema.schema.keys()

    print(json.dumps([check(payload) for payload in json.load(sys.stdin)]))


if __name__ == "__main__":
    _main()
