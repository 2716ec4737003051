"""The lines to telephones of box.toml, as what serves them is started."""

from __future__ import annotations

from appliance.channels.sip.wire import AUTHORITIES, Account, Settings
from appliance.config.trunks import Sip, secret


def sip_settings(sip: Sip) -> Settings:
    """What the stack is started with, the secrets read. A desk without an account is called by address."""
    accounts = tuple(
        Account(
            each.user, each.domain, secret(each.password_file), each.auth_user, each.proxy, each.transport,
            each.encryption, each.register, each.keepalive,
        )
        for each in sip.account
    )  # fmt: skip
    direct = (Account("desk", sip.interface or "127.0.0.1", register=0),)
    ports = (sip.rtp_ports[0], sip.rtp_ports[1])
    authorities = str(sip.ca_file) if sip.ca_file else AUTHORITIES
    return Settings(
        accounts or direct, sip.listen, sip.interface, ports, sip.calls, sip.peers, authorities=authorities
    )
