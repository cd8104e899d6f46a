"""The metrics of trained models on their test parts, from what `igql train --list --format json` prints.

    igql train FILE --catalog DIR --list --format json | python3 heads.py
"""

import json
import sys


def main():
    for version in versions(json.load(sys.stdin)):
        print(f"{version['name']}@{version['n']}")
        test = tests(version["metrics"])
        for head, metrics in test.items():
            print(f"  {head:12}", "  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
        losses = [metrics["ne"] for metrics in test.values() if "ne" in metrics]
        if losses:
            print(f"  mean ne {sum(losses) / len(losses):.4f}")


def versions(listed):
    """The newest version of each model."""
    newest = {}
    for version in listed["versions"]:
        if version["kind"] == "model" and version["n"] >= newest.get(version["name"], version)["n"]:
            newest[version["name"]] = version
    return newest.values()


def tests(metrics):
    """`p_like.test.auc` by head and metric; of a student, which has no heads, `test.ndcg`."""
    found = {}
    for name, value in metrics.items():
        *head, part, metric = name.split(".")
        if part == "test" and metric in ("auc", "ne", "ndcg", "best_kept"):
            found.setdefault(".".join(head) or "order", {})[metric] = value
    return found


main()
