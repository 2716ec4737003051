"""Telephones that nobody here wrote: Debian's baresip, linphone and sipp."""

from __future__ import annotations

import asyncio
import os
import shutil
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from appliance.channels import AudioChannel, Call
from appliance.channels.phone import PhoneCall
from appliance.channels.recorded import read_recording
from appliance.channels.sip.line import SipLine
from appliance.channels.sip.wire import Account, Settings
from appliance.engines.resample import resample
from appliance.messages import RATE
from tests.audio_server import until
from tests.ports import free_port

needs_sipp = pytest.mark.skipif(not shutil.which("sipp"), reason="sipp is not installed")
needs_linphone = pytest.mark.skipif(not shutil.which("linphonec"), reason="linphonec is not installed")
needs_baresip = pytest.mark.skipif(not shutil.which("baresip"), reason="baresip is not installed")

HOST = "127.0.0.1"


class Echo:
    """A desk that says everything again."""

    def __init__(self) -> None:
        self.calls: list[PhoneCall] = []
        self.heard = bytearray()
        self.ended = 0
        self.lasted = 0
        """Samples that the last call took, by its clock."""
        self.hang_up_after: float | None = None

    async def talk(self, channel: AudioChannel) -> None:
        assert isinstance(channel, PhoneCall)
        self.calls.append(channel)
        try:
            async for frame in channel.microphone():
                self.heard += frame.pcm
                await channel.playout.write(frame.pcm)
                if self.hang_up_after and channel.now() > self.hang_up_after * RATE:
                    return
        finally:
            self.lasted = channel.now()
            self.ended += 1

    async def chat(self, call: Call) -> None:
        raise AssertionError


@asynccontextmanager
async def desk(
    talker: Echo | None = None,
    calls: int = 8,
    a_minute: int = 1000,
    peers: tuple[str, ...] = (),
    room: Callable[[], int] = lambda: 64,
    turn_away: Callable[[PhoneCall], Awaitable[None]] | None = None,
    **more: object,
) -> AsyncIterator[tuple[SipLine, Echo, int]]:
    """A SIP line that waits at a port."""
    port, echo = free_port(), talker or Echo()
    account = Account("desk", HOST, register=0)
    first = free_port() // 2 * 2
    settings = Settings(
        (account,), f"{HOST}:{port}", HOST, (first, min(first + 200, 65_534)), calls, peers, **more,  # type: ignore[arg-type]
    )  # fmt: skip
    line = SipLine(settings, a_minute, room, turn_away)
    serving = asyncio.create_task(line.serve(echo))
    try:
        await until(lambda: line.state[0], within=20)
        yield line, echo, port
    finally:
        serving.cancel()
        await asyncio.wait([serving])


async def sipp(folder: Path, *arguments: str, within: float = 60.0) -> tuple[int, str]:
    """Run sipp; its exit status, and what it has to say."""
    process = await asyncio.create_subprocess_exec(
        "sipp", *arguments, "-i", HOST, "-nostdin", "-trace_err", cwd=folder,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(within):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return process.returncode, out.decode(errors="replace")[-2000:]


MODULES = ("g711", "g722", "opus", "aufile", "aubridge", "sndfile", "srtp", "dtls_srtp")


class Telephone:
    """Debian's baresip: says a recording and keeps what it hears. Commands as on its keyboard."""

    def __init__(
        self,
        folder: Path,
        says: bytes,
        account: str = "caller",
        more: str = "",
        answers: str = "",
        codec: str = "pcmu",
        encryption: str = "",
    ) -> None:
        """`says` is s16le mono 16 kHz. `answers`: `auto` takes calls that come, `manual` lets them ring."""
        self.port = free_port()
        self.uri = f"sip:{account}@{HOST}:{self.port}"
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        rate, channels = (int(each) for each in (codec.split("/") + ["8000", "1"][codec.count("/") :])[1:])
        with wave.open(str(folder / "says.wav"), "wb") as file:
            mono = np.frombuffer(resample(says, RATE, to=rate), dtype="<i2")
            file.setparams((channels, 2, rate, 0, "NONE", ""))
            file.writeframes(np.repeat(mono, channels).tobytes())
        modules = Path("/usr/lib/baresip/modules")
        lines = [f"module_path {modules}", f"sip_listen {HOST}:{self.port}", f"net_interface {HOST}"]
        lines += [f"audio_source aufile,{folder}/says.wav", "audio_player aubridge,nobody"]
        lines += ["audio_alert ausine,440", "call_local_timeout 20"]
        lines += [f"module {name}.so" for name in MODULES]
        lines += [f"audio_srate {rate}", f"audio_channels {channels}"]
        lines += [f"snd_path {folder}"]
        lines += ["module_app account.so", "module_app menu.so", more]
        (folder / "config").write_text("\n".join(lines) + "\n")
        mode = f";answermode={answers}" if answers else ""
        mode += f";mediaenc={encryption}" if encryption else ""
        (folder / "accounts").write_text(f"<sip:{account}@{HOST}>;regint=0;audio_codecs={codec}{mode}\n")
        self._process: asyncio.subprocess.Process | None = None
        self.said = ""

    async def call(self, uri: str, lasting: float) -> None:
        """Dial, stay for that long, hang up."""
        await self._run("-e", f"/dial {uri}", lasting=lasting)

    async def wait(self, lasting: float) -> None:
        """Be there for calls for that long; at the end hang up."""
        await self._run(lasting=lasting)

    async def _run(self, *arguments: str, lasting: float) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "baresip", "-f", str(self.folder), *arguments, "-t", str(round(lasting)),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(lasting + 15):
                out, _ = await self._process.communicate()
            self.said = out.decode(errors="replace")
        finally:
            if self._process.returncode is None:
                self._process.kill()

    def heard(self) -> bytes:
        """s16le mono 16 kHz."""
        (kept,) = self.folder.glob("dump-*-dec.wav")
        return read_recording(kept)


class Linphone:
    """Debian's linphonec, told by its keyboard to call with a recording for a microphone."""

    def __init__(self, folder: Path, says: bytes) -> None:
        """`says` is s16le mono 16 kHz."""
        self.folder = folder
        (folder / ".local/share/linphone").mkdir(parents=True)
        with wave.open(str(folder / "says.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(resample(says, RATE, to=8000))
        sip = ["sip_tcp_port=0", "sip_tls_port=0", "guess_hostname=0", f"bind_address={HOST}"]
        rtp = [f"audio_rtp_port={free_port() // 2 * 2}", f"bind_address={HOST}"]
        lines = ["[sip]", f"sip_port={free_port()}", *sip, "[rtp]", *rtp, "[sound]", "echocancellation=0"]
        (folder / "settings").write_text("\n".join(lines) + "\n")

    async def call(self, uri: str, lasting: float) -> None:
        """Dial, stay for that long, hang up."""
        process = await asyncio.create_subprocess_exec(
            "linphonec", "-c", str(self.folder / "settings"), env={**os.environ, "HOME": str(self.folder)},
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin
        try:
            sound = ("soundcard use files", f"record {self.folder}/heard.wav", f"play {self.folder}/says.wav")
            for wait, line in ((1.0, "ipv6 disable"), *((0.2, each) for each in sound), (0.5, f"call {uri}"),
                               (lasting, "terminate"), (1.0, "quit")):  # fmt: skip
                await asyncio.sleep(wait)
                process.stdin.write(f"{line}\n".encode())
            async with asyncio.timeout(10):
                await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def heard(self) -> bytes:
        """s16le mono 16 kHz."""
        return read_recording(self.folder / "heard.wav")


def seconds_of_sound(pcm: bytes, louder: float = 500) -> float:
    sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    whole = sound[: len(sound) // 320 * 320].reshape(-1, 320)
    return float((np.sqrt((whole**2).mean(axis=1)) > louder).sum() / 50)
