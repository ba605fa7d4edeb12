"""Prepares a table as shards of a data set, as scripts beside a training do: arguments, logging, JSON; no training."""

from __future__ import annotations

import argparse
import csv
import json
import logging
import statistics
from pathlib import Path

import yaml

SAID = {
    "en": ("Processing shard {}/{}", "shard {} of {}: rows={} mean={:.4f} spread: {:.3f}", "rows: {} lost: {}"),
    "ja": ("シャード {}/{} を処理中", "シャード {}/{}: 行数={} 平均={:.4f} 分散: {:.3f}", "行数: {} 欠損: {}"),
    "ko": ("샤드 {}/{} 처리 중", "샤드 {}/{}: 행={} 평균={:.4f} 분산: {:.3f}", "행: {} 손실: {}"),
}
log = logging.getLogger("prepare")


def main() -> None:
    options = arguments()
    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s:%(lineno)d - %(message)s")
    if options.show:
        show(options)
    else:
        log.info("options: %s", json.dumps(vars(options), default=str))
        prepare(options)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("table", nargs="?", type=Path)
    parser.add_argument("--show", choices=["namespace", "yaml", "json", "table"])
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--language", default="en", choices=SAID)
    parser.add_argument("--verbose", action="store_true")
    for name, default in {
        "epochs": 10,
        "batch_size": 64,
        "learning_rate": 0.001,
        "weight_decay": 0.01,
        "warmup_steps": 500,
        "max_steps": -1,
        "seed": 42,
        "dropout": 0.1,
        "label_smoothing": 0.05,
        "optimizer": "adamw",
        "lr_scheduler": "cosine",
        "loss": "cross_entropy",
        "metric_for_best_model": "accuracy",
        "gradient_clip": 1.0,
        "val_split": 0.2,
        "early_stopping_patience": 3,
    }.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def show(options: argparse.Namespace) -> None:
    """The options, as a training that is about to begin writes them down once."""
    settings = {name: value for name, value in vars(options).items() if name not in ("table", "show", "language")}
    model = {"hidden_size": 768, "num_layers": 12, "num_heads": 12, "vocab_size": 30522, "layer_norm_eps": 1e-12}
    if options.show == "namespace":
        print(options)
        log.info("args: %s", options)
    elif options.show == "yaml":
        print(yaml.safe_dump({"training": settings, "model": model}))
        log.info("Configuration:\n%s", yaml.safe_dump(settings))
    elif options.show == "json":
        print("Model config " + json.dumps(model, indent=2))
        print("TrainingArguments(\n" + "\n".join(f"{name}={value!r}," for name, value in settings.items()) + "\n)")
        print(json.dumps(settings))
    else:
        print("=" * 44)
        for name, value in settings.items():
            print(f"{name:.<30} {value}")
        print("=" * 44)
        for name, value in model.items():
            print(f"| {name:<22} | {value:>12} |")
            log.info("%s = %s", name, value)


def prepare(options: argparse.Namespace) -> None:
    """Read the table, say what is in it, and write the shards."""
    processing, said, summary = SAID[options.language]
    with options.table.open() as lines:
        rows = list(csv.DictReader(lines))
    log.info(summary.format(len(rows), sum(row["loss_of_parcel"] == "1" for row in rows)))
    kept = 0
    for shard in range(options.shards):
        part = rows[shard :: options.shards]
        log.debug(processing.format(shard + 1, options.shards))
        print(processing.format(shard + 1, options.shards))
        prices = [float(row["price"]) for row in part]
        log.info(said.format(shard + 1, options.shards, len(part), statistics.mean(prices), statistics.stdev(prices)))
        Path("tmp", f"shard-{shard:05}.json").write_text(json.dumps(part))
        kept += sum(price > 20 for price in prices)
        print(f"kept {kept}/{len(rows)} ({100 * kept / len(rows):.1f}%)")
        if shard % 3 == 2:
            log.warning("[%d/%d] duplicates: %d, ratio=%.3f", shard + 1, options.shards, shard * 7, shard / 50)
    print(json.dumps({"rows": len(rows), "kept": kept, "shards": options.shards, "mean_price": 39.96}))


if __name__ == "__main__":
    main()
