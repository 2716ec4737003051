"""What is typed after `appliance fleet bundle` and `rollout`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any, folder: argparse.ArgumentParser) -> None:
    making = commands.add_parser("bundle", parents=[folder], help="make a bundle that boxes can be given")
    making.add_argument("name", metavar="NAME", help="what people call it")
    making.add_argument("--desk", type=Path, metavar="FILE", help="a desk file")
    making.add_argument("--settings", type=Path, metavar="FILE", help="what is to lie over box.toml")
    making.add_argument("--model", type=Path, action="append", default=[], metavar="FOLDER", help="a model")
    making.add_argument("--system", type=Path, metavar="FILE", help="a system, for RAUC to install")
    commands.add_parser("bundles", parents=[folder], help="the bundles that there are")
    rolling = commands.add_parser("rollout", help="give many boxes a bundle, in waves, watched")
    inner = rolling.add_subparsers(required=True, metavar="WHAT", dest="deed")
    starting = inner.add_parser("start", parents=[folder], help="begin one")
    starting.add_argument("version", type=int, metavar="VERSION", help="of the bundle")
    starting.add_argument("--site", default="", help="only boxes that stand there")
    starting.add_argument(
        "--waves", default="5:20,25:50,100:100", help="percent of the boxes : percent of their calls, ..."
    )
    starting.add_argument("--soak", type=float, default=60, metavar="MINUTES", help="of a wave, at least")
    starting.add_argument("--calls", type=int, default=50, help="that it must have answered in a wave")
    starting.add_argument("--approve", action="store_true", help="somebody approves every further wave")
    starting.add_argument("--at", default="", metavar="TIME", help="when it begins: 2026-12-01T02:00")
    inner.add_parser("list", parents=[folder], help="those that there are")
    for what, told in (
        ("show", "how it goes"),
        ("pause", "begin no further wave, and give it to no further box"),
        ("resume", "go on"),
        ("approve", "begin the next wave"),
        ("stop", "end it, and take it back from every box"),
    ):
        inner.add_parser(what, parents=[folder], help=told).add_argument("number", type=int, metavar="NUMBER")
