"""The command `appliance`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from appliance import __version__
from appliance.commands.ending import INTERRUPTED, Terminated, die, leave, terminated, to_the_end
from appliance.commands.keeping import add_keeping
from appliance.errors import ApplianceError
from appliance.fleet import typed
from appliance.system import journal

BENCHES = [
    "engines", "loop", "noise", "phone", "recognition", "redaction", "turns", "understanding", "wake", "wear",
]  # fmt: skip


def main() -> None:
    """Parse the command line and do it; errors in one plain line."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, terminated)
    if journal.listens():
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[journal.JournalHandler()])
    else:
        style = "%(levelname)s %(name)s: %(message)s"
        logging.basicConfig(level=logging.INFO, format=style, stream=sys.stderr)
    try:
        code = arguments.do(arguments)
        sys.stdout.flush()
        sys.exit(code)
    except ApplianceError as error:
        print(f"appliance: {error.wrong}", file=sys.stderr)
        if error.mend:
            print(f"    mend: {error.mend}", file=sys.stderr)
        sys.exit(1)
    except Terminated:
        die()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # Whoever read what is printed has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except EOFError as error:
        if type(error) is not EOFError:
            raise
        sys.exit("appliance: nobody answers what is asked\n    mend: run it at a terminal")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="appliance", description="A front desk that answers by itself, offline."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    hardware = argparse.ArgumentParser(add_help=False)
    hardware.add_argument("--box", type=Path, metavar="box.toml", help="what this hardware is")
    files = argparse.ArgumentParser(add_help=False, parents=[hardware])
    files.add_argument("--desk", type=Path, metavar="desk.toml", help="how this desk behaves")

    run = commands.add_parser("run", parents=[files], help="start the desk")
    run.add_argument(
        "--safe", action="store_true", help="take every call and say one line, whatever else is broken"
    )
    run.set_defaults(do=_run)

    talk = commands.add_parser("talk", parents=[files], help="one conversation in this terminal")
    way = talk.add_mutually_exclusive_group()
    way.add_argument("--text", action="store_true", help="by keyboard instead of microphone and loudspeaker")
    way.add_argument("--audio", type=Path, nargs="+", metavar="FILE", help="what a recorded caller says")
    talk.add_argument("--record", type=Path, metavar="call.wav", help="caller left, desk right")
    talk.add_argument("--json", action="store_true", help="print a record per turn")
    talk.set_defaults(do=_talk)

    chat = commands.add_parser("chat", parents=[files], help="one conversation by keyboard")
    chat.add_argument("--why", action="store_true", help="show what each answer was decided by")
    chat.add_argument("--json", action="store_true", help="print a record per turn")
    chat.set_defaults(do=_chat)

    models = commands.add_parser("models", parents=[hardware], help="list, fetch, verify or import models")
    models.add_argument("what", choices=["list", "fetch", "verify", "import"])
    models.add_argument("names", nargs="*", help="models (default: all default ones), or a folder")
    models.set_defaults(do=_models)

    messages = commands.add_parser(
        "messages", parents=[hardware], help="print what callers left, and what nothing answered"
    )
    messages.set_defaults(do=_messages)

    outbox = commands.add_parser(
        "outbox", parents=[hardware], help="print the calls to make, or never call a number again"
    )
    outbox.add_argument("what", choices=["list", "never", "allow"], nargs="?", default="list")
    outbox.add_argument("number", nargs="?", default="", metavar="NUMBER")
    outbox.set_defaults(do=_outbox)

    account = commands.add_parser(
        "account", parents=[hardware], help="who may what by the page: accounts, passwords, tokens"
    )
    account.add_argument("what", choices=["list", "add", "role", "password", "single", "remove", "token"])
    account.add_argument("name", nargs="?", default="", metavar="NAME")
    account.add_argument("--role", choices=["visitor", "manager", "admin"], default="manager")
    account.add_argument("--for", dest="label", default="", metavar="WHAT", help="what a token is for")
    account.add_argument("--days", type=float, default=90, help="how long a token holds")
    account.set_defaults(do=_account)

    erase = commands.add_parser("erase", parents=[hardware], help="erase all there is of a person")
    erase.add_argument("--person", required=True, metavar="WHO", help="a number or a name")
    erase.add_argument("--yes", action="store_true", help="do not ask")
    erase.set_defaults(do=_erase)

    export = commands.add_parser("export", parents=[hardware], help="write all there is of a person to a ZIP")
    export.add_argument("--person", required=True, metavar="WHO", help="a number or a name")
    export.add_argument("file", type=Path, metavar="FILE.zip")
    export.set_defaults(do=_export)

    purge = commands.add_parser("purge", parents=[files], help="delete what was kept for long enough")
    purge.set_defaults(do=_purge)

    add_keeping(commands, hardware, files)

    calendar = commands.add_parser(
        "calendar", parents=[hardware], help="write the appointments to an .ics file, or take one in"
    )
    calendar.add_argument("what", choices=["export", "import"])
    calendar.add_argument("file", type=Path, metavar="FILE.ics")
    calendar.set_defaults(do=_calendar)

    doctor = commands.add_parser("doctor", parents=[files], help="try every device, engine and model")
    doctor.add_argument(
        "--bundle", type=Path, metavar="FILE.zip", help="pack what support needs, without what was said"
    )
    doctor.set_defaults(do=_doctor)

    first = commands.add_parser("first-boot", help="the first start of a box: from a stick, or its own page")
    for name, what in (("config", "box.toml"), ("data", "what it remembers"), ("boot", "the boot partition")):
        first.add_argument(f"--{name}", type=Path, metavar="FOLDER", help=f"where {what} lies")
    first.add_argument("--media", type=Path, metavar="FOLDER", help="in which sticks are folders")
    first.add_argument("--radio", type=Path, metavar="SOCKET", help="of wpa_supplicant")
    first.add_argument("--host", help="the address of its page")
    first.add_argument("--port", type=int, help="and its port")
    first.set_defaults(do=_first_boot)

    reset = commands.add_parser(
        "factory-reset", parents=[hardware], help="at the next start, forget everything and be new"
    )
    reset.add_argument("--yes", action="store_true", help="do not ask")
    reset.set_defaults(do=_factory_reset)

    health = commands.add_parser(
        "health", parents=[files], help="whether the box is well, as after an update: 0 if it is"
    )
    health.add_argument("--within", type=float, default=240.0, metavar="SECONDS", help="no longer than this")
    health.add_argument("--json", action="store_true", help="for programs")
    health.set_defaults(do=_health)

    check = commands.add_parser("check", parents=[files], help="validate box.toml and desk.toml")
    check.set_defaults(do=_check)

    replay = commands.add_parser("replay", help="play scripted conversations and check what came of them")
    replay.add_argument("scenarios", type=Path, nargs="+", metavar="FILE", help="files of scenarios")
    replay.add_argument("--box", type=Path, metavar="box.toml", help="what this hardware is")
    replay.add_argument("--verbose", action="store_true", help="show those that are as they should be, too")
    replay.set_defaults(do=_replay)

    shadow = commands.add_parser(
        "shadow", parents=[files], help="replay recorded calls with another desk file, model or voice"
    )
    shadow.add_argument("--candidate", type=Path, metavar="desk.toml", help="the desk file to try")
    shadow.add_argument(
        "--engines", type=Path, metavar="box.toml", help="a box.toml whose engines to try, by sound"
    )
    shadow.add_argument("--days", type=float, default=1.0, help="of how many days (1)")
    shadow.set_defaults(do=_shadow)

    simulate = commands.add_parser(
        "simulate", parents=[hardware], help="be a GSM modem and its callers, to try the phone without one"
    )
    simulate.add_argument("--family", default="simcom", help="the modem's family")
    simulate.set_defaults(do=_simulate)

    fleet = commands.add_parser("fleet", help="many boxes: the server, and how a box becomes one of them")
    fleet.set_defaults(do=_fleet)
    inner = fleet.add_subparsers(required=True, metavar="WHAT", dest="what")
    typed.add(inner)
    enrol = inner.add_parser("enrol", help="on a box: become one of a fleet")
    enrol.add_argument(
        "code", metavar="CODE", help="as `appliance fleet invite` has printed it; or the file of a bulk one"
    )
    enrol.add_argument(
        "--as",
        dest="as_name",
        default="",
        metavar="NAME",
        help="what a box by a bulk one is called",
    )
    enrol.add_argument("server", metavar="SERVER:PORT", help="where the fleet enrols: port 8884")
    enrol.add_argument("--folder", type=Path, default=Path("fleet"), help="where the keys are to lie")
    enrol.set_defaults(do=_enrol)

    bench = commands.add_parser("bench", help="measure this machine", add_help=False)
    bench.add_argument("what", nargs="?", choices=["all", *BENCHES], default="all")
    bench.add_argument("rest", nargs=argparse.REMAINDER, help="--help tells what each takes")
    bench.set_defaults(do=_bench)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    if arguments.safe:
        from appliance.commands.safe import run_safe

        leave(to_the_end(run_safe(arguments.box, arguments.desk)))
    from appliance.commands.run import AGAIN, run

    code = to_the_end(run(arguments.box, arguments.desk))
    if code == AGAIN:
        os.execv(sys.executable, [sys.executable, "-m", "appliance", *sys.argv[1:]])
    leave(code)


def _talk(arguments: argparse.Namespace) -> int:
    from appliance.commands.talk import talk

    way = "text" if arguments.text else "audio" if arguments.audio else "sound"
    return to_the_end(
        talk(way, arguments.box, arguments.desk, arguments.audio or [], arguments.record, arguments.json)
    )


def _chat(arguments: argparse.Namespace) -> int:
    from appliance.commands.talk import talk

    return to_the_end(
        talk("text", arguments.box, arguments.desk, [], None, arguments.json, why=arguments.why)
    )


def _models(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from appliance.commands import models as models_command
    from appliance.config import read_box

    console, root = Console(), read_box(arguments.box)[0].models
    match arguments.what:
        case "list":
            return models_command.list_models(console, root)
        case "fetch":
            return models_command.fetch_models(arguments.names, console, root)
        case "verify":
            return models_command.verify_models(arguments.names, console, root)
    if len(arguments.names) != 1:
        raise ApplianceError("import takes one folder", "appliance models import /media/stick")
    return models_command.import_models(Path(arguments.names[0]), console, root)


def _messages(arguments: argparse.Namespace) -> int:
    from appliance.commands.messages import messages

    return messages(arguments.box)


def _outbox(arguments: argparse.Namespace) -> int:
    from appliance.commands.outbox import outbox

    if arguments.what != "list" and not any(c.isdecimal() for c in arguments.number):
        raise ApplianceError("there is no number", "appliance outbox never NUMBER")
    return outbox(arguments.what, arguments.number, arguments.box)


def _account(arguments: argparse.Namespace) -> int:
    from appliance.commands.account import account

    given = arguments
    return account(given.what, given.name, given.role, given.label, given.days, given.box)


def _erase(arguments: argparse.Namespace) -> int:
    from appliance.commands.erasing import erase

    return erase(arguments.person, arguments.yes, arguments.box)


def _export(arguments: argparse.Namespace) -> int:
    from appliance.commands.erasing import export

    return export(arguments.person, arguments.file, arguments.box)


def _purge(arguments: argparse.Namespace) -> int:
    from appliance.commands.erasing import purge

    return purge(arguments.box, arguments.desk)


def _calendar(arguments: argparse.Namespace) -> int:
    from appliance.commands.calendar import calendar

    return calendar(arguments.what, arguments.file, arguments.box)


def _doctor(arguments: argparse.Namespace) -> int:
    from appliance.commands.doctor import doctor

    if arguments.bundle:
        from appliance.commands.bundle import bundle

        return bundle(arguments.bundle, arguments.box, arguments.desk)
    return to_the_end(doctor(arguments.box, arguments.desk), ended=INTERRUPTED)


def _first_boot(arguments: argparse.Namespace) -> int:
    from appliance.firstboot.command import run

    given = {name: value for name, value in vars(arguments).items() if name != "do" and value is not None}
    return to_the_end(run(**given))


def _factory_reset(arguments: argparse.Namespace) -> int:
    from appliance.firstboot.command import reset

    return reset(arguments.box, arguments.yes)


def _health(arguments: argparse.Namespace) -> int:
    from appliance.commands.health import health

    # An engine that was given up in the middle of its work would make another code of it.
    asking = health(arguments.box, arguments.desk, arguments.within, arguments.json)
    leave(to_the_end(asking, ended=INTERRUPTED))


def _check(arguments: argparse.Namespace) -> int:
    from appliance.config import read_box, read_desk
    from appliance.engines import registry
    from appliance.workshop.lint import lint

    box, box_path = read_box(arguments.box)
    registry.check(box)
    desk, desk_path = read_desk(arguments.desk, box_path)
    print(f"{box_path}: fine")
    for finding in lint(desk, desk_path):
        print(f"note: {finding.wrong}\n    mend: {finding.mend}")
    print(f"{desk_path}: fine; {len(desk.fact)} facts, version {desk.digest}")
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    from appliance.commands.replay import run

    return run(arguments.scenarios, arguments.box, arguments.verbose)


def _shadow(arguments: argparse.Namespace) -> int:
    from appliance.commands.shadow import run

    return run(arguments.box, arguments.desk, arguments.candidate, arguments.engines, arguments.days)


def _simulate(arguments: argparse.Namespace) -> int:
    from appliance.commands.simulate import simulate

    return to_the_end(simulate(arguments.box, arguments.family))


def _fleet(arguments: argparse.Namespace) -> int:
    done = typed.run(arguments)
    return done if isinstance(done, int) else to_the_end(done)


def _enrol(arguments: argparse.Namespace) -> int:
    from appliance.telemetry.enrol import enrol, enrol_in_bulk

    if arguments.as_name:
        table = enrol_in_bulk(Path(arguments.code), arguments.as_name, arguments.server, arguments.folder)
    else:
        table = enrol(arguments.code, arguments.server, arguments.folder)
    print(f"write this into box.toml:\n\n{table}")
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    import importlib

    names = BENCHES if arguments.what == "all" else [arguments.what]
    benches = [importlib.import_module(f"appliance.bench.{name}") for name in names]
    return max([int(bench.main(arguments.rest)) for bench in benches])


if __name__ == "__main__":
    main()
