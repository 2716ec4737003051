from tests.access.conftest import _light

__all__ = ["_light"]
