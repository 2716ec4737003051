from tests.audio_server import audio_server

__all__ = ["audio_server"]
