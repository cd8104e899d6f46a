"""The estimates of `igql replay --ips` beside those of the Open Bandit Pipeline, to the last digits.

    cargo build --release
    pip install --no-deps --ignore-requires-python obp==0.5.5 && pip install scikit-learn pandas
    python3 benches/peers/counterfactual.py [--igql target/release/igql]

A world of users and items, a log of pages of two items that were drawn with known probabilities, what a model expected of
all items, and a program with a page of its own for each user. In the pipeline each position of the log is a round.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

# the pipeline imports it for estimators that learn
torch = types.ModuleType("torch")
torch.Tensor = torch.tensor = type("Tensor", (), {})
sys.modules.setdefault("torch", torch)


def estimators():
    """Those of the pipeline, without its policies and simulators."""
    import importlib.util

    folder = Path(importlib.util.find_spec("obp").submodule_search_locations[0])
    for name, path in [("obp", folder), ("obp.ope", folder / "ope")]:
        package = types.ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    from obp.ope.estimators import DoublyRobust, InverseProbabilityWeighting, SelfNormalizedInverseProbabilityWeighting

    return {"ips": InverseProbabilityWeighting, "snips": SelfNormalizedInverseProbabilityWeighting, "dr": DoublyRobust}


USERS, ITEMS, SHOWN = 3000, 10, 2
CATALOG = """
[catalog]
viewer = "user"
[entity.user]
table = "users.csv"
key = "user_id"
[entity.item]
table = "items.csv"
key = "item_id"
[edge.clicks]
table = "clicks.csv"
from = { entity = "user", column = "user_id" }
to = { entity = "item", column = "item_id" }
time = "at"
[defaults]
now = "2024-03-01T00:00:00Z"
"""


def write(folder, random):
    """The world and its log; what was shown with its probability, the gains, and what the model expected."""
    appeal = random.beta(2, 4, (USERS, ITEMS))
    clicks = random.random((USERS, ITEMS)) < appeal
    expected = np.clip(appeal + random.normal(0, 0.1, appeal.shape), 0, 1)
    shown = np.array([random.permutation(ITEMS)[:SHOWN] for _ in range(USERS)])
    # each position is a draw among all items: what the pipeline takes for granted of a round
    pscore = random.uniform(0.05, 0.2, shown.shape)
    rows = lambda head, lines: head + "\n" + "".join(line + "\n" for line in lines)
    (folder / "log").mkdir()
    files = {
        "catalog.toml": CATALOG,
        "users.csv": rows("user_id", map(str, range(USERS))),
        "items.csv": rows("item_id", map(str, range(ITEMS))),
        "clicks.csv": rows("user_id,item_id,at", (f"{u},{i},2024-02-01T12:30:00Z" for u in range(USERS) for i in shown[u] if clicks[u, i])),
        "page.igql": f"all(item).score(hash(viewer, it) % 1000).take({SHOWN})\n",
        "log/requests.csv": rows("id,viewer,now", (f"{u},{u},2024-02-01T12:00:00Z" for u in range(USERS))),
        "log/candidates.csv": rows("request,stage,key,position,propensity,p_click", [
            *(f"{u},scored,{i},,,{float(expected[u, i])!r}" for u in range(USERS) for i in range(ITEMS)),
            *(f"{u},result,{i},{k + 1},{float(pscore[u, k])!r}," for u in range(USERS) for k, i in enumerate(shown[u])),
        ]),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return shown, pscore, clicks, expected


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--igql", default="target/release/igql", type=lambda path: str(Path(path).resolve()))
    args = args.parse_args()
    peers = estimators()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        shown, pscore, clicks, expected = write(folder, np.random.default_rng(3))
        run = lambda *command: json.loads(subprocess.run([args.igql, *command, "--format", "json"], cwd=folder, capture_output=True, text=True, check=True).stdout)
        answers = run("run", "page.igql", "--users", "all", "--at", "2024-02-01T12:00:00Z")
        pages = {answer["user"]: [row["item_id"] for row in answer["results"]] for answer in answers}
        for cut in range(1, SHOWN + 1):
            action = shown[:, :cut].reshape(-1)
            position = np.tile(np.arange(cut), USERS)
            user = np.repeat(np.arange(USERS), cut)
            policy = np.zeros((len(action), ITEMS, cut))
            for k in range(cut):
                policy[np.arange(len(action)), [pages[u][k] for u in user], k] = 1
            given = dict(reward=clicks[user, action].astype(float), action=action, pscore=pscore[:, :cut].reshape(-1),
                         action_dist=policy, position=position)
            for name, estimator in peers.items():
                model = {"estimated_rewards_by_reg_model": np.repeat(expected[user][:, :, None], cut, axis=2)} if name == "dr" else {}
                for clip in [None, 8.0] if name != "snips" else [None]:
                    theirs = estimator(**({"lambda_": clip} if clip else {})).estimate_policy_value(**given, **model)
                    more = ["--reward", "p_click"] * (name == "dr") + ["--clip", str(clip)] * bool(clip)
                    report = run("replay", "page.igql", "--requests", "log/requests.csv", "--truth", "clicks", "--ips",
                                 "--k", str(cut), "--no-stages", "--estimator", name, *more)
                    ours = report["programs"][0]["estimates"][0]["value"]
                    print(f"{name:5} first {cut} clip {clip}: {ours:.6f}, off by {abs(ours - theirs):.1e}")
                    if abs(ours - theirs) > 1e-12:
                        raise SystemExit(f"the pipeline says {theirs}")


if __name__ == "__main__":
    main()
