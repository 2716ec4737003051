"""The desk at a PBX that nobody here wrote: Debian's kamailio."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.channels.sip import options
from appliance.channels.sip.line import SipLine
from appliance.channels.sip.wire import AUTHORITIES, Account, Settings
from tests.audio_server import until
from tests.channels.sip.peers import HOST, Echo, Telephone, needs_baresip, seconds_of_sound
from tests.desk import voice
from tests.ports import free_port

pytestmark = pytest.mark.skipif(not shutil.which("kamailio"), reason="kamailio is not installed")

CONFIG = """
#!KAMAILIO
debug=1
log_stderror=yes
children=2
{listen}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
{tls}
modparam("usrloc", "db_mode", 0)
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("{host}", "open sesame", "0")) {{ www_challenge("{host}", "0"); exit; }}
        save("location");
        exit;
    }}
    if (has_totag()) {{
        if (loose_route() || is_method("ACK")) {{ t_relay(); }}
        exit;
    }}
    if (is_method("CANCEL")) {{ t_relay(); exit; }}
    record_route();
    if ($rU =~ "^[0-9]+$") {{ $du = "sip:{host}:{phone}"; t_relay(); exit; }}
    if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
    t_relay();
}}
"""


TLS = """
loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{folder}/pbx.pem")
modparam("tls", "private_key", "{folder}/pbx.key")
"""


def _configured(folder: Path, port: int, phone: int, tls: bool) -> Path:
    folder.mkdir(exist_ok=True)
    listen, modules = f"listen=udp:{HOST}:{port}", ""
    if tls:
        certify(folder)
        listen = f"enable_tls=yes\nlisten=udp:{HOST}:{free_port()}\nlisten=tls:{HOST}:{port}"
        modules = TLS.format(folder=folder)
    config = folder / "kamailio.cfg"
    config.write_text(CONFIG.format(host=HOST, phone=phone, listen=listen, tls=modules))
    return config


async def test_what_answers_without_an_end_is_no_pbx() -> None:
    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(200_000))
        writer.close()

    async with await asyncio.start_server(endless, HOST, port := free_port()):
        assert not await options.answers(Account("desk", f"{HOST}:{port}", transport="tcp"))


def certify(folder: Path) -> None:
    """A certificate that its PBX has signed itself."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=pbx",
         "-addext", f"subjectAltName=IP:{HOST}", "-keyout", f"{folder}/pbx.key", "-out", f"{folder}/pbx.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


@asynccontextmanager
async def pbx(folder: Path, phone: int = 9, port: int | None = None, tls: bool = False) -> AsyncIterator[int]:
    """Numbers ring the telephone at the port `phone`. By TLS with a certificate of its own, `pbx.pem`."""
    port = port or free_port()
    config = _configured(folder, port, phone, tls)
    process = await asyncio.create_subprocess_exec(
        "kamailio", "-DD", "-f", str(config), "-m", "32", "-M", "8", "-w", str(folder), "-Y", str(folder),
        "-P", str(folder / "pid"), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        there = Account("desk", f"{HOST}:{port}", transport="tls" if tls else "udp")
        async with asyncio.timeout(20):
            while not await options.answers(there):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        yield port
    finally:
        # It may wait a minute for processes of its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@asynccontextmanager
async def registering(password: str, *ports: int, keepalive: int = 0) -> AsyncIterator[tuple[SipLine, Echo]]:
    accounts = tuple(
        Account("desk", f"{HOST}:{port}", password, register=60, keepalive=keepalive) for port in ports
    )
    first = free_port() // 2 * 2
    line = SipLine(Settings(accounts, f"{HOST}:{free_port()}", HOST, (first, min(first + 100, 65_000))))
    echo = Echo()
    serving = asyncio.create_task(line.serve(echo))
    try:
        yield line, echo
    finally:
        serving.cancel()
        await asyncio.wait([serving])


@needs_baresip
async def test_the_desk_registers_and_is_called_by_its_name_there(tmp_path: Path) -> None:
    async with pbx(tmp_path) as port, registering("open sesame", port) as (line, echo):
        await until(lambda: line.stack and line.state[0])
        telephone = Telephone(tmp_path / "phone", bytes(32_000) + voice(1.0) + bytes(64_000))
        await telephone.call(f"sip:desk@{HOST}:{port}", 6)
        await until(lambda: echo.ended == 1)
        assert seconds_of_sound(telephone.heard()) == pytest.approx(1.0, abs=0.2)


async def test_a_wrong_password_is_told_and_no_call_is_expected(tmp_path: Path) -> None:
    async with pbx(tmp_path) as port, registering("shut sesame", port) as (line, _):
        await until(lambda: line.stack and not line.stack.why and line.stack.accounts[0] != "registering")
        on, why = line.state
        assert not on
        assert f"desk@{HOST}:{port}" in why
        assert "40" in why


@pytest.mark.slow
async def test_a_pbx_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with registering("open sesame", free_port()) as (line, _):
        await until(
            lambda: line.stack and not line.stack.why and line.stack.accounts[0] != "registering", within=40
        )
        assert not line.state[0]


@needs_baresip
async def test_by_tls_only_a_pbx_that_somebody_vouches_for_is_believed(tmp_path: Path) -> None:
    person = Telephone(tmp_path / "person", voice(1.0) + bytes(320_000), "5550100", answers="auto")
    waiting = asyncio.create_task(person.wait(12))
    try:
        async with pbx(tmp_path / "pbx", person.port, tls=True) as port:
            async with by_tls(port, AUTHORITIES) as line:
                await until(lambda: line.stack and line.stack.accounts[0] not in ("registering", ""))
                assert not line.state[0]
            async with by_tls(port, str(tmp_path / "pbx" / "pbx.pem")) as line:
                await until(lambda: line.state == (True, ""))
                await talk(line)
    finally:
        waiting.cancel()
        await asyncio.wait([waiting])


@asynccontextmanager
async def by_tls(port: int, authorities: str) -> AsyncIterator[SipLine]:
    account, first = Account("desk", f"{HOST}:{port}", "open sesame", transport="tls"), free_port() // 2 * 2
    ports = (first, min(first + 100, 65_000))
    line = SipLine(Settings((account,), f"{HOST}:{free_port()}", HOST, ports, authorities=authorities))
    serving = asyncio.create_task(line.serve(Echo()))
    try:
        yield line
    finally:
        serving.cancel()
        await asyncio.wait([serving])


@needs_baresip
async def test_a_second_pbx_takes_over_and_the_first_is_registered_at_once_it_is_back(tmp_path: Path) -> None:
    person = Telephone(tmp_path / "person", voice(1.0) + bytes(320_000), "5550100", answers="auto")
    waiting = asyncio.create_task(person.wait(90))
    first = free_port()
    try:
        async with (
            pbx(tmp_path / "two", person.port) as second,
            registering("open sesame", first, second, keepalive=1) as (line, _),
        ):
            async with pbx(tmp_path / "one", person.port, first):
                await until(lambda: line.stack and line.state == (True, ""), within=25)
                await talk(line)
            # Nobody has noticed yet: the call itself finds out.
            await talk(line)
            assert line.state == (True, f"desk@{HOST}:{first}: does not answer")
            async with pbx(tmp_path / "again", person.port, first):
                await until(lambda: line.state == (True, ""), within=10)
    finally:
        waiting.cancel()
        await asyncio.wait([waiting])


async def talk(line: SipLine) -> None:
    call = await line.dial("5550100", 8)
    await call.hang_up()
