"""How do three nodes of a distributed engine start on one machine, each sample on all of them?"""

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from obs.programs.processes import Process, Processes
from obs.programs.waiting import until
from tests.e2e.programs import program

HOST = "127.0.0.1"
NODES = 3


@dataclass(frozen=True)
class Node:
    """One process with every part of Cortex: its address and how it can be killed."""

    url: str
    process: Process


@contextlib.contextmanager
def cluster(folder: Path, alertmanager: str) -> Iterator[list[Node]]:
    """
    Run three nodes that find each other by gossip and keep three copies of a sample; rules tell ``alertmanager``.

    Rules and blocks are in one folder, as they would be in one object store.
    """
    ports = [free_ports() for _ in range(NODES)]
    (folder / "logs").mkdir(parents=True)
    with Processes(folder / "logs") as processes:
        nodes = []
        for number, own in enumerate(ports):
            file = folder / f"node-{number}.yml"
            join = [f"{HOST}:{other['gossip']}" for other in ports]
            file.write_text(yaml.safe_dump(configuration(folder, number, own, join, alertmanager)), encoding="utf-8")
            process = processes.start(f"cortex-{number}", program("cortex"), f"-config.file={file}")
            nodes.append(Node(f"http://{HOST}:{own['http']}", process))
        for node in nodes:
            node.process.ready(f"{node.url}/ready", within=120)
        until("three ingesters in every ring", lambda: all(_members(node) == NODES for node in nodes), within=60)
        yield nodes


def _members(node: Node) -> int:
    """Return how many ingesters a node knows to be active."""
    return requests.get(f"{node.url}/ring", headers={"Accept": "application/json"}, timeout=10).text.count("ACTIVE")


def free_ports() -> dict[str, int]:
    """Return a free port for each thing a node listens on."""
    with contextlib.ExitStack() as sockets:
        bound = {name: sockets.enter_context(socket.create_server((HOST, 0))) for name in ("http", "grpc", "gossip")}
        return {name: each.getsockname()[1] for name, each in bound.items()}


def configuration(
    folder: Path, number: int, ports: Mapping[str, int], join: list[str], alertmanager: str
) -> dict[str, Any]:
    """Return one node's configuration."""
    data, ring = folder / f"data-{number}", {"kvstore": {"store": "memberlist"}}
    own = {**ring, "instance_addr": HOST, "instance_id": f"node-{number}"}
    gateway = {"instance_port": ports["grpc"], "wait_stability_min_duration": "0s"}
    return {
        "target": "distributor,ingester,querier,store-gateway,ruler",
        "auth_enabled": False,
        "server": {
            "http_listen_address": HOST,
            "http_listen_port": ports["http"],
            "grpc_listen_address": HOST,
            "grpc_listen_port": ports["grpc"],
            "log_level": "warn",
        },
        "memberlist": {
            "node_name": f"node-{number}",
            "bind_addr": [HOST],
            "bind_port": ports["gossip"],
            "advertise_addr": HOST,
            "advertise_port": ports["gossip"],
            "join_members": join,
            "gossip_interval": "100ms",
        },
        "distributor": {"shard_by_all_labels": True, "ring": own | {"instance_port": ports["grpc"]}},
        "ingester": {
            "lifecycler": {
                "address": HOST,
                "port": ports["grpc"],
                "id": f"node-{number}",
                "min_ready_duration": "0s",
                "final_sleep": "0s",
                "join_after": "0s",
                "num_tokens": 128,
                "ring": {**ring, "replication_factor": NODES, "heartbeat_timeout": "10s"},
                "heartbeat_period": "2s",
            }
        },
        "blocks_storage": {
            "backend": "filesystem",
            "filesystem": {"dir": str(folder / "blocks")},
            "tsdb": {"dir": str(data / "tsdb"), "block_ranges_period": ["12h"]},  # takes samples two hours old
            "bucket_store": {"sync_dir": str(data / "sync")},
        },
        "store_gateway": {"sharding_enabled": True, "sharding_ring": own | gateway},
        "querier": {"active_query_tracker_dir": str(data / "queries")},
        "ruler": {
            "enable_api": True,
            "enable_sharding": True,
            "rule_path": str(data / "rules"),
            "ring": own | {"instance_port": ports["grpc"], "heartbeat_period": "1s", "heartbeat_timeout": "5s"},
            "poll_interval": "2s",
            "evaluation_interval": "2s",
            "resend_delay": "5s",
            "alertmanager_url": alertmanager,
        },
        "ruler_storage": {"backend": "filesystem", "filesystem": {"dir": str(folder / "rules")}},
        "limits": {"ingestion_rate": 1e6, "ingestion_burst_size": 10_000_000, "max_series_per_metric": 0},
    }
