"""A private PulseAudio with a virtual microphone and a virtual speaker, as a fixture: `audio_server`.

What is played into the sink "mic" is what the kiosk's microphone hears; the monitor of the sink "speaker" is
what comes out of its loudspeaker. PortAudio reaches both through ALSA's pulse plugin, as on any desktop.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

ALSA = """
pcm.!default { type pulse }
pcm.loopback { type pulse device speaker.monitor }
"""

RAW = "--raw --rate=16000 --channels=1 --format=s16le".split()

Sound = NDArray[np.int16]


class AudioServer:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "server"
        self.environment = {
            "HOME": str(directory),
            "XDG_RUNTIME_DIR": str(directory),
            "PULSE_SERVER": f"unix:{self.socket}",
            "ALSA_CONFIG_PATH": str(directory / "alsa.conf"),
            "PULSE_SOURCE": "mic.monitor",
            "PULSE_SINK": "speaker",
        }
        (directory / "alsa.conf").write_text(ALSA)
        self._server: subprocess.Popen[bytes] | None = None
        self._clients: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        flags = "-n --system=false --daemonize=no --exit-idle-time=-1 --use-pid-file=no --disable-shm=yes"
        module = f"--load=module-native-protocol-unix socket={self.socket} auth-anonymous=1"
        self._server = self._popen("pulseaudio", *flags.split(), "--log-level=error", module)
        deadline = time.monotonic() + 10
        while self._run("pactl", "info") != 0:
            assert time.monotonic() < deadline, "pulseaudio did not start"
            time.sleep(0.02)

    def plug(self) -> None:
        """The microphone and the speaker are there."""
        for name in ("mic", "speaker"):
            sink = f"module-null-sink sink_name={name} rate=16000 channels=1 format=s16le"
            assert self._run("pactl", "load-module", *sink.split()) == 0

    def loop_back(self, late: int = 30) -> None:
        """The microphone hears the speaker, from now on so many milliseconds later."""
        self._run("pactl", "unload-module", "module-loopback")
        loop = f"module-loopback source=speaker.monitor sink=mic latency_msec={late}"
        assert self._run("pactl", "load-module", *loop.split()) == 0

    def unplug(self) -> None:
        assert self._run("pactl", "unload-module", "module-null-sink") == 0

    def stop(self) -> None:
        for process in (*self._clients, self._server):
            if process:
                process.kill()
                process.wait()
        self._clients.clear()
        self._server = None
        self.socket.unlink(missing_ok=True)

    def speak(self, sound: Sound) -> subprocess.Popen[bytes]:
        """Someone speaks before the microphone; 16 kHz. The server swallows the first instant of a stream,
        so it is silence."""
        with tempfile.NamedTemporaryFile(dir=self.directory, delete=False) as file:
            file.write(bytes(3200) + sound.astype("<i2").tobytes())
        player = self._popen("pacat", "--playback", *RAW, "--device=mic", file.name)
        self._clients.append(player)
        return player

    @contextmanager
    def listening(self, source: str = "speaker.monitor") -> Iterator[Path]:
        """Record what the speaker plays, 16 kHz mono, into the file given."""
        path = Path(tempfile.mkstemp(dir=self.directory)[1])
        with path.open("wb") as file:
            monitor = ("--latency-msec=20", f"--device={source}")
            recorder = self._popen("parec", *RAW, *monitor, stdout=file)
            try:
                deadline = time.monotonic() + 10
                while not path.stat().st_size:
                    assert time.monotonic() < deadline, "the monitor is silent"
                    time.sleep(0.02)
                yield path
            finally:
                recorder.terminate()
                recorder.wait()

    def _popen(self, *command: str, stdout: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **self.environment}
        return subprocess.Popen(
            command, env=environment, stdout=stdout or subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _run(self, *command: str) -> int:
        return self._popen(*command).wait()


def recorded(path: Path) -> Sound:
    pcm = path.read_bytes()
    return np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")


@pytest.fixture
def audio_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AudioServer]:
    """Running, with nothing plugged in, and PortAudio of this process connected to it."""
    if not all(map(shutil.which, ("pulseaudio", "pactl", "pacat", "parec"))):
        pytest.skip("pulseaudio and pulseaudio-utils are not installed")
    try:
        import sounddevice
    except OSError:
        pytest.skip("libportaudio2 is not installed")
    with tempfile.TemporaryDirectory(prefix="desk-audio-") as directory, monkeypatch.context() as patch:
        server = AudioServer(Path(directory))
        for name, value in server.environment.items():
            patch.setenv(name, value)
        try:
            server.start()
            sounddevice._terminate()
            sounddevice._initialize()
            yield server
        finally:
            server.stop()
    sounddevice._terminate()
    with suppress(sounddevice.PortAudioError):
        sounddevice._initialize()


RECORDINGS = Path("/usr/share/pocketsphinx/test/data")


def person(*names: str) -> Sound:
    """People reading aloud, one after the other: recordings of Debian's pocketsphinx-testdata."""
    if not RECORDINGS.is_dir():
        pytest.skip("pocketsphinx-testdata is not installed")
    return np.concatenate([soundfile.read(RECORDINGS / name, dtype="int16")[0] for name in names])


async def until(done: Callable[[], object], within: float = 30.0) -> None:
    """Wait for something that happens in the world outside."""
    async with asyncio.timeout(within):
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def where(needle: Sound, hay: Sound) -> int:
    """Where in `hay` the needle fits best."""
    size = len(hay) + len(needle)
    spectrum = np.fft.rfft(hay, size) * np.conj(np.fft.rfft(needle, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(hay)]))
