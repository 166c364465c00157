"""`jax.config`: ingot's flags under JAX's names, JAX's cache and log, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ingot.api.devices import Device
from ingot.compat.flag_tables import REFUSED, SAME, WITHOUT_MEANING
from ingot.config import BACKENDS, TABLE, Flag, config as ours
from ingot.core.transfers import GUARDS

# Defaults that differ from ours.
DEFAULTS: dict[str, Any] = {"check_static_indices": False, "enable_x64": False, "match_jax": True}

ACCEPTED: dict[str, Any] = {name: value for kind in WITHOUT_MEANING.values()
                            for name, value in kind.items()}

# Where programs run.
PLATFORMS: dict[str, Any] = {"jax_platforms": None, "jax_platform_name": "", "jax_xla_backend": ""}


KNOWN = ("cpu", "gpu", "cuda", "tpu")


def _set_cache_size(value: Any) -> None:
    # JAX's -1 is no limit, and its 0 no cache.
    ours.update("cache_bytes", 2**62 if value < 0 else value)


def _set_level(value: Any) -> None:
    import logging  # costs start-up time

    if value not in logging.getLevelNamesMapping():
        raise ValueError(f"jax.config: jax_logging_level must be the name of a level of logging,"
                         f" got {value!r}")
    logging.getLogger("jax").setLevel(value)


def _check_device(value: Any) -> None:
    if not (value is None or isinstance(value, Device) or value in (*KNOWN, *BACKENDS)):
        raise ValueError("jax.config: jax_default_device must be one of jax.devices(), or the name"
                         f" of a platform, got {value!r}")


def _set_platforms(name: str, value: Any) -> None:
    """Let the first of these platforms that starts be the chosen one; RuntimeError if it is none
    that ingot knows."""
    for platform in str(value or "").split(","):
        if platform and platform not in (*KNOWN, *BACKENDS):
            raise RuntimeError(f"jax.config: {name}: Unknown backend {platform!r}: ingot has"
                               f" {', '.join(map(repr, KNOWN))}, and its own names"
                               f" {', '.join(map(repr, BACKENDS))}")
    ours.update("platforms", value or None)


def _set_guards(value: Any) -> None:
    for name in GUARDS:
        ours.update(name, value)


# JAX's flags with an effect of another name: their default, and what sets them.
MAPPED: dict[str, tuple[Any, Callable[[Any], None]]] = {
    "jax_compilation_cache_dir": (None, lambda value: ours.update("cache_dir", value)),
    "jax_compilation_cache_max_size": (-1, _set_cache_size),
    "jax_enable_compilation_cache": (True, lambda value: ours.update("cache", value)),
    "jax_logging_level": ("NOTSET", _set_level),
    "jax_transfer_guard": (None, _set_guards),
}


def _parse(name: str, value: Any, default: Any) -> Any:
    """A flag's value, with the type of its default; strings come from the environment."""
    value = getattr(value, "value", value) if not isinstance(value, Device) else value
    if default is None or value is None:
        return value
    return Flag(f"jax.config: {name}", type(default), default, "").parse(value)


class Config:
    """JAX's configuration object: attributes, `update`, `read` and `values`."""

    def __init__(self) -> None:
        self.__dict__["_kept"] = {
            **ACCEPTED, **PLATFORMS, **{name: value for name, (value, _) in REFUSED.items()},
            **{name: value for name, (value, _) in MAPPED.items()}}

    def __getattr__(self, name: str) -> Any:
        if name in self._kept:
            return self._kept[name]
        if name == "x64_enabled":
            return ours.enable_x64
        if name.startswith("jax_"):
            return getattr(ours, name)
        raise AttributeError(f"jax.config has no option {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        self.update(name, value)

    def update(self, name: str, val: Any) -> None:
        """Set an option. ValueError if it would need what ingot does not do."""
        if name in REFUSED:
            only, remedy = REFUSED[name]
            val = _parse(name, val, only)
            if val != only and val not in SAME.get(name, ()):
                raise ValueError(f"jax.config: {name} is always {only!r} under ingot, got {val!r};"
                                 f" {remedy}")
        elif name in PLATFORMS:
            _set_platforms(name, val)
        elif name in MAPPED:
            default, set_ours = MAPPED[name]
            val = _parse(name, val, default)
            set_ours(val)
        elif name in ACCEPTED:
            val = _parse(name, val, ACCEPTED[name])
        elif name == "jax_default_device":
            _check_device(val)
        if name in self._kept:
            self._kept[name] = val
        elif name.startswith("jax_"):
            ours.update(name, getattr(val, "value", val))
        else:
            raise AttributeError(f"jax.config has no option {name!r}")

    def read(self, name: str) -> Any:
        """The value of an option by its name."""
        return getattr(self, name)

    @property
    def values(self) -> dict[str, Any]:
        """All options."""
        return {**self._kept, **{f"jax_{f.name}": getattr(ours, f.name) for f in TABLE}}

    def config_with_absl(self) -> None:
        """Options are not absl flags; there is nothing to define."""

    parse_flags_with_absl = config_with_absl


config = Config()


def apply_environment(environment: Mapping[str, str]) -> None:
    """Give our flags JAX's defaults, then what JAX_* variables say.

    INGOT_* variables, and what the program itself has set before, win over defaults.
    """
    for flag in TABLE:
        variable = f"JAX_{flag.name.upper()}"
        if variable in environment:
            ours.update(flag.name, environment[variable])
        elif flag.name in DEFAULTS and not ours.chosen(flag.name):
            ours.update(flag.name, DEFAULTS[flag.name])
    for name in config._kept:
        if environment.get(name.upper()):
            config.update(name, environment[name.upper()])


def context(name: str) -> Callable[..., Any]:
    """JAX's context manager of one of these options: the option has a value meanwhile."""

    @contextmanager
    def manager(new_val: Any = True) -> Iterator[None]:
        if name not in config._kept:  # one of our flags, which is set for this thread alone
            if name.endswith("default_device"):
                _check_device(new_val)
            with ours.override(name, new_val):
                yield
            return
        before = config.read(name)
        config.update(name, new_val)
        try:
            yield
        finally:
            config.update(name, before)

    manager.__name__ = name.removeprefix("jax_")
    manager.__doc__ = f"The option {name} while the context lasts. ValueError as in its update."
    return manager


__all__ = ["Config", "apply_environment", "config", "context"]
