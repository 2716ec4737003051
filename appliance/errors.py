"""The one family of errors. Each says in plain words what is wrong and what to do about it."""


class ApplianceError(Exception):
    """What went wrong, and the mend. Shown to installers and managers, never spoken to callers."""

    def __init__(self, wrong: str, mend: str = "") -> None:
        super().__init__(f"{wrong}; {mend}" if mend else wrong)
        self.wrong = wrong
        self.mend = mend


class ConfigError(ApplianceError):
    """box.toml or desk.toml is not valid."""


class ModelError(ApplianceError):
    """A model is missing, corrupt or of the wrong kind."""


class EngineError(ApplianceError):
    """An engine cannot start, or failed on what it was given."""


class DeviceError(ApplianceError):
    """A microphone, a speaker or another device is absent, busy or gone."""


class AudioError(ApplianceError):
    """A recording cannot be read."""


class StorageError(ApplianceError):
    """The disk is full or cannot be written."""
