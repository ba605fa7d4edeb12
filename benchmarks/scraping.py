"""What Prometheus costs the server's event loop: a scrape with 100,000 runs that have finished and 10,000 that wait.

And what notices cost: a look at a history in which nothing is new.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import filled
from figures import Figure, median, spread, times_ms
from prometheus_client import CollectorRegistry, generate_latest

from gpurun_server.http.prometheus import QueueMetrics
from gpurun_server.notices.entries import Entry
from gpurun_server.notices.watch import Watch

QUEUED, ROUNDS = 10_000, 50


def figures() -> list[Figure]:
    """Median times in this process."""
    with tempfile.TemporaryDirectory() as folder:
        _home, database = filled.database_in(Path(folder))
        filled.join(database, 8)
        filled.add(database, "running", 8)
        filled.add(database, "queued", QUEUED)
        registry = CollectorRegistry()
        registry.register(QueueMetrics(database))
        (first,) = times_ms(lambda: generate_latest(registry), 1, warm_up=0)
        scrapes = times_ms(lambda: generate_latest(registry), ROUNDS)
        watch = Watch(database, Entry("json://127.0.0.1:9", owners=["anna"]), logging.getLogger("benchmark"))
        watch.take_news()
        looks = times_ms(watch.take_news, ROUNDS)
        database.close()
    beside = f"the first, which reads the queue, {first:.0f} ms; {spread(scrapes, 'ms')}"
    return [
        Figure("a scrape of /metrics, 100,000 finished, 10,000 queued", median(scrapes), "ms", 20, 5, beside),
        Figure("a look for notices where nothing is new", median(looks), "ms", beside=spread(looks, "ms")),
    ]
