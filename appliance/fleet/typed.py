"""What is typed after `appliance fleet`, at its server. What it takes is imported once it is typed."""

from __future__ import annotations

import argparse
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from appliance.errors import ApplianceError
from appliance.fleet import office
from appliance.fleet.rollouts import parsers


def add(commands: Any) -> None:
    """What is typed at a fleet's server."""
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument(
        "--folder", type=Path, default=Path("var/fleet-server"), help="keys and memory of the server"
    )
    memory = argparse.ArgumentParser(add_help=False)
    memory.add_argument("--store", default="", metavar="WHERE", help="a database: postgresql://...")
    kept = argparse.ArgumentParser(add_help=False, parents=[folder, memory])
    ports = argparse.ArgumentParser(add_help=False)
    ports.add_argument("--broker", type=int, default=8883, metavar="PORT", help="where boxes come to tell")
    ports.add_argument("--door", type=int, default=8884, metavar="PORT", help="where boxes enrol")
    ports.add_argument("--page", type=int, default=8090, metavar="PORT", help="the page, for this machine")

    outside = argparse.ArgumentParser(add_help=False, parents=[memory])
    outside.add_argument(
        "--source", default="", metavar="WHERE", help="a cluster: amqp://..., mqtt://HOST:PORT"
    )

    serving = commands.add_parser("serve", parents=[folder, ports, outside], help="broker, memory and page")
    serving.add_argument("--host", default="0.0.0.0", help="the address that boxes reach")
    serving.add_argument("--name", action="append", default=[], help="a name by which it is reached")
    serving.add_argument("--page-host", default="127.0.0.1", help="others than this machine come by TLS")
    serving.add_argument("--page-certificate", type=Path, metavar="FILE", help="instead of the fleet's own")
    serving.add_argument("--page-key", type=Path, metavar="FILE", help="of that certificate")
    serving.add_argument(
        "--alert-network", action="append", default=[], metavar="10.0.0.0/8",
        help="alerts may go there, besides public addresses",
    )  # fmt: skip
    working = commands.add_parser("worker", parents=[outside], help="one more worker at a cluster")
    working.add_argument("--name", default="worker", help="by which the cluster knows it")
    working.add_argument(
        "--folder", type=Path, help="the server's, on a disk that both have: so it answers what boxes ask"
    )
    inviting = commands.add_parser("invite", parents=[kept], help="make claim codes for new boxes")
    inviting.add_argument("names", nargs="+", metavar="NAME", help="small letters, digits and hyphens")
    inviting.add_argument("--site", default="", help="where they stand")
    signing = commands.add_parser("sign", parents=[folder], help="make the file for a box's first start")
    signing.add_argument("code", metavar="CODE", help="as `invite` has printed it")
    signing.add_argument(
        "server", metavar="SERVER:PORT", help="where boxes reach the fleet to enrol: port 8884"
    )
    signing.add_argument("into", type=Path, metavar="FOLDER", help="a stick, or any other folder")
    revoking = commands.add_parser("revoke", parents=[kept], help="let a box be of the fleet no more")
    revoking.add_argument("name", metavar="NAME")
    bulk = commands.add_parser("bulk", parents=[kept], help="make a certificate by which many boxes enrol")
    bulk.add_argument("--site", default="", help="where they stand")
    bulk.add_argument("--boxes", type=int, default=100, metavar="N", help="how many")
    bulk.add_argument("--days", type=int, default=30, metavar="N", help="for which it is good")
    bulk.add_argument("--revoke", default="", metavar="SERIAL", help="let nobody enrol by this one any more")
    parsers.add(commands, kept)
    office.add_parsers(commands, kept)
    showing = commands.add_parser("demo", parents=[ports], help="a fleet of simulated boxes")
    showing.add_argument("--boxes", type=int, default=200, help="how many")
    showing.add_argument(
        "--rollout",
        choices=["good", "bad"],
        help="roll out a desk file that serves callers, or not",
    )


def run(arguments: argparse.Namespace) -> int | Coroutine[Any, Any, int]:
    """What the program returns; or what is to run until it is told to end."""
    from appliance.fleet import command, serve

    if arguments.what == "worker":
        return command.work(arguments.source, arguments.store, arguments.name, arguments.folder)
    if arguments.what == "invite":
        return command.invite(arguments.folder, arguments.names, arguments.site, arguments.store)
    if arguments.what == "sign":
        return command.sign(arguments.folder, arguments.code, arguments.server, arguments.into)
    if arguments.what == "revoke":
        return command.revoke(arguments.folder, arguments.name, arguments.store)
    if arguments.what == "bulk":
        return command.bulk(
            arguments.folder,
            arguments.site,
            arguments.boxes,
            arguments.days,
            arguments.revoke,
            arguments.store,
        )
    if arguments.what in ("bundle", "bundles", "rollout"):
        from appliance.fleet.rollouts.command import run as roll

        return roll(arguments)
    if arguments.what in ("account", "alert", "audit", "site"):
        return int(arguments.run(arguments))
    ports = serve.Ports(arguments.broker, arguments.door, arguments.page)
    if arguments.what == "demo":
        return command.demo(arguments.boxes, ports, arguments.rollout)
    keys = (arguments.page_certificate, arguments.page_key)
    if any(keys) and not all(keys):
        raise ApplianceError("a certificate has a key", "give --page-certificate and --page-key")
    page = serve.Page(arguments.page_host, keys if all(keys) else None)
    where = arguments.folder, arguments.host, arguments.name, ports, page, arguments.alert_network
    return command.serve(*where, arguments.source, arguments.store)
