"""The one family of errors. Each says in plain words what is wrong and what to do about it."""


class ApplianceError(Exception):
    """What went wrong, and the mend. Shown to installers and managers, never spoken to callers."""

    def __init__(self, wrong: str, mend: str = "") -> None:
        super().__init__(f"{wrong}; {mend}" if mend else wrong)
        self.wrong = wrong
        self.mend = mend


class ConfigError(ApplianceError):
    """box.toml or desk.toml is not valid. `line` (from 1) and `field` say where, if it is known."""

    def __init__(self, wrong: str, mend: str = "", file: str = "", line: int = 0, field: str = "") -> None:
        where = f"{file}, line {line}: " if file else ""
        super().__init__(f"{where}{field} {wrong}" if field else where + wrong, mend)
        self.line = line
        self.field = field
        self.bare = wrong
        """What is wrong, without where."""


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
