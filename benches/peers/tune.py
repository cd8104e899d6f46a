"""The sampler of `igql tune` beside those of Optuna, at equal numbers of trials.

    cargo build --release --example sampler
    pip install optuna numpy torch
    python3 benches/peers/tune.py [--sampler target/release/examples/sampler] [--seeds 8] [--peers tpe,gp]

Seven functions of the literature, one of them with constraints, one of mostly whole dimensions, and twice NDCG@10 of a
weighted sum of five scores over 500 users with 50 items each, which is piecewise constant. For each seed all begin at
the same point. Prints the median distance to the optimum, or to the best known, after 10, 20, 30, 40 and 60 trials, and
for the rankings the trial that came within 1 % of it first. Optuna's Gaussian process needs torch and is slow:
`--peers tpe` leaves it out. With --save FILE the peers' outcomes are kept between runs.

A program joins by a table of its objective, `--table NAME=REPORT.json` with

    igql tune PROGRAM ... --sampler grid --trials 14641 --format json > REPORT.json

of two tunables (122 and 120 values): a point has the value of the nearest one, and the program's own values are the start. A
score that weighs three signals depends on the ratios of the weights alone: `NAME=A.json,B.json,C.json` are tables of the
same program with its first, second and third weight written as 1.0 and the two others as tunables in 0.0..1.0; weights are
searched in 0.0..2.0 from the values of the first. A table replaces hours of replays, so that there can be as many seeds as
it takes: with 8 the order of two samplers on a jagged objective is often chance.
"""

import argparse
import json
import math
import subprocess
import time
import warnings
from pathlib import Path

import numpy as np

TRIALS = 60
CUTS = [10, 20, 30, 40, 60]


class Function:
    """Something to maximise in a box: `best` is its optimum, and constraints hold from 0 on."""

    def __init__(self, space, best, value, slack=lambda x: []):
        self.space = [(*range, False)[:3] for range in space]
        self.best, self.value, self.slack = best, value, slack

    def start(self, seed):
        random = np.random.default_rng(1000 + seed)
        return [float(random.integers(low, high + 1)) if whole else float(random.uniform(low, high))
                for low, high, whole in self.space]


def branin(x):
    a, b = x
    return -((b - 5.1 / (4 * math.pi**2) * a * a + 5 / math.pi * a - 6) ** 2
             + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10)


ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN3 = (np.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
             1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]))
HARTMANN6 = (np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14],
                       [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]),
             1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
                              [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]))


def hartmann(tables):
    a, p = tables
    return lambda x: float(ALPHA @ np.exp(-(a * (np.array(x) - p) ** 2).sum(axis=1)))


def ackley(x):
    x = np.array(x)
    return float(20 * np.exp(-0.2 * np.sqrt((x * x).mean())) + np.exp(np.cos(2 * np.pi * x).mean()) - 20 - math.e)


def rosenbrock(x):
    x = np.array(x)
    return float(-(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def levy(x):
    w = 1 + (np.array(x) - 1) / 4
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
    return float(-(np.sin(np.pi * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)))


def gramacy_slack(x):
    a, b = x
    return [0.5 * math.sin(2 * math.pi * (a * a - 2 * b)) + a + 2 * b - 1.5, 1.5 - a * a - b * b]


def plan(x):
    """Sizes of stages as of a retrieval: more rows help less and less, and two of them hinder each other."""
    take, window, walks, weight = x
    return (math.log1p(take) / math.log1p(500) - (take / 900) ** 2 - abs(window - 7) / 20
            + 0.3 * math.sin(walks / 3) * weight - 0.5 * (weight - 0.7) ** 2 - 0.002 * walks * window / 3)


class Ranking:
    """NDCG@10 of a weighted sum of five scores: gains depend on the scores by other weights, and on chance."""

    def __init__(self, spread):
        random = np.random.default_rng(5)
        appeal = random.normal(size=(500, 50, 1))
        self.scores = 1 / (1 + np.exp(1 - appeal - spread * random.normal(size=(500, 50, 5))))
        utility = self.scores @ np.array([1.0, 2.5, 0.5, 1.5, 3.5]) + random.gumbel(size=(500, 50))
        self.gains = np.maximum(0, 4 - np.argsort(np.argsort(-utility, axis=1), axis=1) // 3)
        self.discount = 1 / np.log2(np.arange(2, 12))
        self.ideal = -np.sort(-self.gains, axis=1)[:, :10] @ self.discount

    def __call__(self, x):
        order = np.argsort(-(self.scores @ np.array(x)), axis=1, kind="stable")[:, :10]
        return float((np.take_along_axis(self.gains, order, axis=1) @ self.discount / self.ideal).mean())

    def best(self):
        """The best of many random weights and of steps from the best of these."""
        random = np.random.default_rng(6)
        points = random.uniform(0, 5, (1500, 5))
        best, x = max(((self(point), tuple(point)) for point in points))
        for i in range(1500):
            moved = np.clip(np.array(x) + random.normal(size=5) * 10 ** random.uniform(-2, 0), 0, 5)
            best, x = max((best, x), (self(moved), tuple(moved)))
        return best


class Table:
    """The value of the nearest point in a report of `igql tune --sampler grid --format json`."""

    def __init__(self, file):
        report = json.loads(Path(file).read_text())
        tunables = report["tunables"]
        self.space = [(tunable["low"], tunable["high"]) for tunable in tunables]
        self.start = [tunable["from"] for tunable in tunables]
        trials = [([trial["values"][tunable["name"]] for tunable in tunables], trial["value"])
                  for trial in report["trials"]]
        # The program's own values come first, on the grid or beside it.
        self.axes = [np.unique([x[k] for x, _ in trials[1:]]) for k in range(len(tunables))]
        self.values = np.full([len(axis) for axis in self.axes], np.nan)
        for x, value in trials:
            if all(part in axis for part, axis in zip(x, self.axes)):
                self.values[self.place(x)] = value
        if np.isnan(self.values).any():
            raise SystemExit(f"{file}: not all trials of a grid search")

    def place(self, x):
        return tuple(int(np.abs(axis - value).argmin()) for axis, value in zip(self.axes, x))

    def __call__(self, x):
        return float(self.values[self.place(x)])


class Ratios:
    """An objective of three weights, of which the ratios count, by tables of those two that are not the largest."""

    space = [(0.0, 2.0)] * 3

    def __init__(self, files):
        self.tables = [Table(file) for file in files]
        self.values = np.array([table.values for table in self.tables])
        self.start = [1.0, *self.tables[0].start]

    def __call__(self, x):
        largest = int(np.argmax(x))
        if x[largest] <= 0:
            return float(self.values.min())
        return self.tables[largest]([value / x[largest] for k, value in enumerate(x) if k != largest])


def tabulated(files):
    """A function by its table, or by three."""
    value = Table(files[0]) if len(files) == 1 else Ratios(files)
    function = Function(value.space, float(value.values.max()), value)
    function.start = lambda seed: value.start
    return function


FUNCTIONS = {
    "Branin": Function([(-5, 10), (0, 15)], -0.397887, branin),
    "Hartmann 3": Function([(0, 1)] * 3, 3.86278, hartmann(HARTMANN3)),
    "Hartmann 6": Function([(0, 1)] * 6, 3.32237, hartmann(HARTMANN6)),
    "Ackley 5": Function([(-32.768, 32.768)] * 5, 0.0, ackley),
    "Rosenbrock 4": Function([(-5, 10)] * 4, 0.0, rosenbrock),
    "Levy 5": Function([(-10, 10)] * 5, 0.0, levy),
    "Gramacy, 2 constraints": Function([(0, 1)] * 2, -0.599788, lambda x: -sum(x), gramacy_slack),
    "plan, 3 of 4 whole": Function([(1, 1000, True), (1, 30, True), (0, 20, True), (0, 1)], None, plan),
    "NDCG of five scores": Function([(0, 5)] * 5, None, Ranking(0.85)),
    "NDCG, scores less alike": Function([(0, 5)] * 5, None, Ranking(1.5)),
}


def by_igql(command, function, seed, kind="gp"):
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        def say(line):
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        start = function.start(seed)
        say({"kind": kind, "space": function.space, "start": start, "constraints": len(function.slack(start)),
             "trials": TRIALS, "seed": seed})
        outcomes = []
        for _ in range(TRIALS):
            [point] = say({"ask": 1})
            value, slack = function.value(point), function.slack(point)
            say({"point": point, "value": value, "slack": slack})
            outcomes.append((value, min(slack, default=0.0)))
        process.stdin.close()
        return outcomes


def by_optuna(kind, function, seed):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    names = [f"x{k}" for k in range(len(function.space))]

    def point(trial):
        return [trial.suggest_int(name, int(low), int(high)) if whole else trial.suggest_float(name, low, high)
                for name, (low, high, whole) in zip(names, function.space)]

    outcomes = []

    def objective(trial):
        x = point(trial)
        slack = function.slack(x)
        trial.set_user_attr("constraints", [-s for s in slack])
        outcomes.append((function.value(x), min(slack, default=0.0)))
        return outcomes[-1][0]

    start = function.start(seed)
    constraints = {"constraints_func": lambda trial: trial.user_attrs["constraints"]} if function.slack(start) else {}
    if kind == "tpe":
        sampler = optuna.samplers.TPESampler(seed=seed, **constraints)
    else:
        sampler = optuna.samplers.GPSampler(seed=seed, deterministic_objective=True, **constraints)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial({name: int(x) if whole else x
                         for name, x, (_, _, whole) in zip(names, start, function.space)})
    study.optimize(objective, n_trials=TRIALS)
    return outcomes


def best_after(outcomes, cut):
    return max((value for value, slack in outcomes[:cut] if slack >= 0), default=-math.inf)


def runs(args, names):
    known = json.loads(Path(args.save).read_text()) if args.save and Path(args.save).exists() else {}
    for sampler in names:
        for name, function in FUNCTIONS.items():
            if args.only and not any(part in name for part in args.only.split(",")):
                continue
            for seed in range(args.seeds):
                key = f"{sampler}|{name}|{seed}"
                if key in known and not sampler.startswith("igql"):
                    continue
                began = time.perf_counter()
                if sampler.startswith("igql"):
                    outcomes = by_igql([args.sampler], function, seed, sampler.split("-")[1])
                else:
                    outcomes = by_optuna(sampler.split("-")[1], function, seed)
                known[key] = {"outcomes": outcomes, "seconds": time.perf_counter() - began}
                if args.save and not sampler.startswith("igql"):
                    Path(args.save).write_text(json.dumps(known))
    return known


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--sampler", default="target/release/examples/sampler")
    args.add_argument("--seeds", type=int, default=8)
    args.add_argument("--peers", default="tpe,gp")
    args.add_argument("--own", default="gp")
    args.add_argument("--only")
    args.add_argument("--save")
    args.add_argument("--table", action="append", default=[], metavar="NAME=REPORT.json")
    args = args.parse_args()
    for table in args.table:
        name, files = table.split("=", 1)
        FUNCTIONS[name] = tabulated(files.split(","))
    names = [f"igql-{kind}" for kind in args.own.split(",") if kind]
    names += [f"optuna-{kind}" for kind in args.peers.split(",") if kind]
    known = runs(args, names)
    for name, function in FUNCTIONS.items():
        own = {key.split("|")[0] + key.split("|")[2]: run for key, run in known.items() if f"|{name}|" in key}
        if not own:
            continue
        seen = max(best_after(run["outcomes"], TRIALS) for run in own.values())
        best = function.best if function.best is not None else max(
            seen, function.value.best() if isinstance(function.value, Ranking) else -math.inf)
        print(f"{name}: best {best:.5g}")
        for sampler in names:
            mine = [own[f"{sampler}{seed}"] for seed in range(args.seeds) if f"{sampler}{seed}" in own]
            if not mine:
                continue
            gaps = [[best - best_after(run["outcomes"], cut) for run in mine] for cut in CUTS]
            line = "  ".join(f"{np.median(gap):9.4g}" for gap in gaps)
            seconds = np.median([run["seconds"] for run in mine])
            print(f"  {sampler:12} {line}   worst {max(gaps[-1]):9.4g}   {seconds:.1f} s", end="")
            if isinstance(function.value, Ranking):
                near = [next((i + 1 for i in range(TRIALS) if best_after(run["outcomes"], i + 1) >= 0.99 * best), 999)
                        for run in mine]
                print(f"   within 1 % at trial {np.median(near):g}, at most {max(near)}", end="")
            print(flush=True)


if __name__ == "__main__":
    main()
