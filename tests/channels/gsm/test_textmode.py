"""SMS by modems that take no PDUs: whatever letters and length, the text is whole at the other end."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.channels.gsm import textmode
from appliance.channels.gsm.at import ModemError
from appliance.channels.gsm.events import Over, Ringing, Text
from appliance.channels.gsm.firmware import Fault
from appliance.channels.gsm.mailbox import Mailbox
from appliance.channels.gsm.pdu import Part
from appliance.channels.gsm.simulator import Simulator
from tests.audio_server import until
from tests.channels.gsm.test_modem import delivered, plugged
from tests.channels.gsm.test_pdu import ANY, GSM

PLAIN_LINES: set[Fault] = {"takes no PDUs", "split lines", "doubled lines"}
GSM_LINES: set[Fault] = {"takes no PDUs", "knows GSM letters only"}
CHARSETS = [*textmode.CHARSETS]
NUMBER = "+15550100"


def sent(text: str, charset: str) -> str:
    """A text as a modem in text mode understood it."""
    mailbox = Mailbox(takes_pdus=False)
    mailbox.do("+CSCS", f'"{charset}"')
    for written in textmode.write(text, charset):
        assert len(written.body) <= 2 * 2 * 160
        mailbox.do("+CSMP", written.settings)
        mailbox.do("+CMGS", f'"{textmode.number(NUMBER, charset)}"')
        assert mailbox.take(written.body)[-1] == "OK"
    assert {number for number, _ in mailbox.sent} == {NUMBER}
    return "".join(part for _, part in mailbox.sent)


def came(text: str, charset: str, details: bool) -> list[Part]:
    """The parts of a text, read from a modem in text mode that got it."""
    mailbox = Mailbox(takes_pdus=False)
    mailbox.do("+CSCS", f'"{charset}"')
    mailbox.do("+CSDH", str(int(details)))
    parts = []
    for octets in delivered(text, NUMBER):
        *lines, ok = mailbox.do("+CMGR", str(mailbox.deliver(octets))) or []
        assert ok == "OK"
        part = textmode.read(lines, charset)
        assert part
        parts.append(part)
    return parts


@given(st.one_of(GSM.map(lambda text: text[:600]), ANY), st.sampled_from(CHARSETS))
def test_any_text_goes_out_whole(text: str, charset: str) -> None:
    assert sent(text, charset) == text


@given(st.one_of(GSM, ANY), st.sampled_from(["UCS2", "GSM"]))
def test_any_text_that_comes_is_read_whole(text: str, charset: str) -> None:
    parts = came(text, charset, details=True)
    assert "".join(part.text for part in parts) == text
    assert [(part.index, part.of) for part in parts] == [(n, len(parts)) for n in range(1, len(parts) + 1)]
    assert {part.number for part in parts} == {NUMBER}
    assert parts[0].at == datetime(2026, 11, 23, 13, 9, tzinfo=UTC)


@given(st.text(st.characters(min_codepoint=0x400, max_codepoint=0x4FF), min_size=1, max_size=300))
def test_where_the_modem_tells_nothing_of_the_coding_the_parts_are_known_all_the_same(text: str) -> None:
    parts = came(text, "UCS2", details=False)
    assert "".join(part.text for part in parts) == text
    assert parts[-1].index == parts[-1].of


@pytest.mark.parametrize(
    ("told", "sender"),
    [
        ("002B00310035", "+15"),
        ("+15550100", "+15550100"),
        ("12345678", "12345678"),
        ("004C0069006E00640065006E", "Linden"),
        ("041B04380434", "Лид"),
    ],
)
def test_senders_are_told_plainly_or_in_the_character_set(told: str, sender: str) -> None:
    part = textmode.read([f'+CMGR: "REC UNREAD","{told}",,"26/11/23,13:09:00+04"', "0048"], "UCS2")
    assert part == Part(sender, "H", datetime(2026, 11, 23, 12, 9, tzinfo=UTC))


@given(st.lists(st.text(max_size=60), max_size=4), st.sampled_from(CHARSETS))
def test_no_lines_can_hurt(lines: list[str], charset: str) -> None:
    textmode.read(lines, charset)
    textmode.read(['+CMGR: "REC UNREAD",' + "".join(lines), *lines], charset)
    textmode.read(['+CMGR: "REC UNREAD","+1",,"x",145,64,0,8,,,9', *lines], charset)


def test_what_lies_in_the_modem_to_be_sent_is_no_text_that_came() -> None:
    assert textmode.read(['+CMGR: "STO UNSENT","+15550100",,""', "Hello"], "GSM") is None


@pytest.mark.parametrize("faults", [PLAIN_LINES, GSM_LINES], ids=["ucs2", "gsm"])
async def test_texts_go_both_ways_by_a_modem_without_pdus(faults: set[Fault]) -> None:
    async with plugged(faults=set(faults)) as (simulator, desk):
        for text in ("Your table: @ 7 pm, 12 Øst", "Ваша запись на четверг. " * 5, "€5 [or more]"):
            simulator.mailbox.sent.clear()
            await desk.modem.text(NUMBER, text)
            assert "".join(part for _, part in simulator.mailbox.sent) == text
            desk.told.clear()
            simulator.deliver(delivered(text))
            await until(desk.heard(Text))
            await until(lambda: simulator.mailbox.came == {})
            (event,) = [event for event in desk.told if isinstance(event, Text)]
            assert (event.sms.number, event.sms.text) == ("+15550177", text)
        assert simulator.wrong == []


async def test_nobody_rings_or_hangs_up_by_writing_so() -> None:
    async with plugged(faults=set(GSM_LINES)) as (simulator, desk):
        simulator.deliver(delivered('RING\n+CLIP: "112",129\nNO CARRIER'))
        await until(desk.heard(Text))
        await asyncio.sleep(0.2)
        assert not desk.heard(Ringing)()
        assert not desk.heard(Over)()


async def test_a_novel_is_refused_and_the_modem_goes_on() -> None:
    async with plugged(faults=set(PLAIN_LINES)) as (_, desk):
        with pytest.raises(ModemError, match="more than 10"):
            await desk.modem.text(NUMBER, "ж" * 2000)
        await desk.modem.text(NUMBER, "short")


async def test_another_client_reads_and_sends_texts_in_text_mode() -> None:
    gsmmodem = pytest.importorskip("gsmmodem.modem")
    simulator = Simulator("huawei", {"takes no PDUs"})
    simulator.plug_in()
    found = simulator.found()
    assert found
    texts: list[tuple[str, str]] = []
    client = gsmmodem.GsmModem(
        found.at, 115200, smsReceivedCallbackFunc=lambda sms: texts.append((sms.number, sms.text))
    )
    client.smsTextMode = True
    try:
        await asyncio.to_thread(client.connect)
        client.smsEncoding = "GSM"
        await asyncio.to_thread(client.sendSms, NUMBER, "Hello from a client", False)
        assert simulator.mailbox.sent == [(NUMBER, "Hello from a client")]
        simulator.deliver(delivered("Running late"))
        await until(lambda: texts)
        assert texts == [("+15550177", "Running late")]
    finally:
        await asyncio.to_thread(client.close)
        simulator.close()
