"""A real RabbitMQ cluster on this machine, in a folder of its own, whose nodes may be killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from appliance.fleet.membership.authority import Authority
from tests.ports import free_port
from tests.telemetry.brokers import wait_for

PROGRAMS = next(iter(sorted(Path("/usr/lib/rabbitmq/lib").glob("*/sbin"), reverse=True)), Path("/nowhere"))
needs_rabbitmq = pytest.mark.skipif(
    not (PROGRAMS / "rabbitmq-server").exists(),
    reason="RabbitMQ is not installed (Debian's rabbitmq-server)",
)

CONFIGURATION = """\
listeners.{kind}.1 = 127.0.0.1:{amqp}
mqtt.listeners.{kind}.1 = 127.0.0.1:{mqtt}
cluster_formation.peer_discovery_backend = classic_config
{nodes}
"""

OPEN = "mqtt.allow_anonymous = true\n"

# Workers come by a password and boxes by their certificates, at doors that share what they ask for.
LOCKED = """\
listeners.tcp = none
mqtt.listeners.tcp = none
mqtt.allow_anonymous = false
mqtt.ssl_cert_login = true
ssl_cert_login_from = common_name
ssl_options.cacertfile = {keys.ca}
ssl_options.certfile = {keys.server}
ssl_options.keyfile = {keys.server_key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
"""


class Node:
    def __init__(
        self, folder: Path, name: str, everybody: list[str], epmd: int, keys: Authority | None
    ) -> None:
        self.name = f"{name}@localhost"
        self.amqp, self.mqtt = free_port(), free_port()
        own = folder / name
        own.mkdir()
        nodes = "\n".join(
            f"cluster_formation.classic_config.nodes.{number} = {each}@localhost"
            for number, each in enumerate(everybody, 1)
        )
        kind = "ssl" if keys else "tcp"
        told = CONFIGURATION.format(kind=kind, amqp=self.amqp, mqtt=self.mqtt, nodes=nodes)
        (own / "rabbit.conf").write_text(told + (LOCKED.format(keys=keys) if keys else OPEN))
        (own / "plugins").write_text("[rabbitmq_mqtt].")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(own),
            "RABBITMQ_LOG_BASE": str(own),
            "RABBITMQ_PID_FILE": str(own / "pid"),
            "RABBITMQ_CONFIG_FILE": str(own / "rabbit.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(own / "none"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(own / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [PROGRAMS / "rabbitmq-server"],
            env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, cwd="/",
        )  # fmt: skip

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.mqtt), 1):
            return True
        return False

    def ask(self, *arguments: str) -> str:
        """What rabbitmqctl says."""
        done = subprocess.run(
            [PROGRAMS / "rabbitmqctl", "-q", "-n", self.name, *arguments],
            env=self._environment, capture_output=True, text=True, cwd="/", timeout=60,
        )  # fmt: skip
        return done.stdout

    def kill(self) -> None:
        """With all that it has started, as if the power went."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Cluster:
    def __init__(self, count: int, keys: Authority | None = None) -> None:
        """`keys`: of the fleet, where all come by TLS."""
        self._keys = keys
        self._folder = tempfile.TemporaryDirectory(prefix="rabbit-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        port = free_port()
        self._names = subprocess.Popen(
            ["epmd", "-port", str(port), "-address", "127.0.0.1"], env={**os.environ, "HOME": str(folder)}
        )
        (folder / ".erlang.cookie").write_text("of a test")
        (folder / ".erlang.cookie").chmod(0o400)
        names = [f"n{number}" for number in range(1, count + 1)]
        self.nodes: list[Node] = []
        for name in names:
            self.nodes.append(Node(folder, name, names, port, keys))
            wait_for(self.nodes[-1].answers, 120)

    @property
    def addresses(self) -> str:
        """Of all nodes, for AMQP."""
        scheme, how = "amqp", ""
        if self._keys:
            scheme, how = "amqps", f"?ssl_options={{'cafile':'{self._keys.ca}'}}"
        return ",".join(f"{scheme}://guest:guest@127.0.0.1:{node.amqp}/{how}" for node in self.nodes)

    def let_in(self, device: str) -> None:
        """A box by the name in its certificate, to its own topics and to what it listens by."""
        node = self.nodes[0]
        node.ask("add_user", device, secrets.token_hex(16))
        own = f"^mqtt-subscription-{device}qos[01]$"
        node.ask("set_permissions", device, own, f"{own}|^amq[.]topic$", f"{own}|^amq[.]topic$")
        up, down = (f"^va[.]1[.]{{username}}[.]{which}$" for which in ("(state|up[.].*)", "dn[.].*"))
        node.ask("set_topic_permissions", device, "amq.topic", up, down)

    def close(self) -> None:
        for node in self.nodes:
            node.kill()
        self._names.kill()
        self._names.wait()
        self._folder.cleanup()
