"""`igql tune` beside Optuna's TPE on programs over MovieLens, at equal numbers of trials.

    cargo build --release
    pip install optuna numpy
    python3 benches/peers/tune_programs.py [--igql target/release/igql] [--seeds 8] [--trials 60] [--save FILE.json]

Each search of ours is a run of the command with another `--seed`; each trial of Optuna's is a run of `igql replay` for the
requests that `igql tune` trains with, with its values as parameters. All begin with the values of the program. Before anything
is compared, points that `igql tune` tried are replayed: both have to come to the same number. Prints the median over seeds of
the best value after 10, 20, 30, 40 and 60 trials, in how many pairs of runs ours is better at the end, and how many trials it
took to come within 1 % of the best that anybody found. With --save the outcomes are kept between runs.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import warnings
from pathlib import Path

import optuna

CUTS = [10, 20, 30, 40, 60]
METRIC = "ndcg@25"
BEGIN = "2014-06-01"
REQUESTS = ["--truth", "likes", "--exclude-seen", "--every", "session", "--horizon", "7d", "--from", BEGIN]
# the truth of no request that trains reaches into the time that validates
TRAINED, VALIDATED = "2015-03-01", "2015-03-10"

PROGRAMS = {
    # the weights of a blend of two sources
    "blend": """
tunable w_popular in 0.0..2.0 = 0.2
tunable w_taste in 0.0..2.0 = 0.5

well_liked = all(movie).score(quality + w_popular * popularity).unseen().take(300)
taste = user.neighbours(recent=30).liked_by(tame=0.0).unseen().take(300)
combine(well_liked, w_taste * taste, method=rrf).take(25)
""",
    # the weights of a value model
    "value": """
tunable w_taste in 0.0..2.0 = 1.0
tunable w_popular in 0.0..2.0 = 0.2
tunable w_quality in 0.0..2.0 = 1.0

taste = user.neighbours(recent=30).liked_by(tame=0.0).unseen().take(500)
taste.score(w_taste * log1p(score) + w_popular * popularity + w_quality * quality).take(25)
""",
}


class Program:
    """A program in the folder of a catalog, and what replays of it came to."""

    def __init__(self, args, folder, name):
        self.args, self.folder, self.file, self.known = args, folder, f"{name}.igql", {}
        (folder / self.file).write_text(PROGRAMS[name])

    def run(self, *args):
        command = [self.args.igql, *args, *REQUESTS, "--format", "json"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        # 1: no trial is better, which is an outcome
        if done.returncode not in (0, 1) or not done.stdout:
            raise SystemExit(f"{' '.join(command)}: {done.stderr}")
        return json.loads(done.stdout)

    def tune(self, sampler, seed, trials):
        return self.run("tune", self.file, "--maximize", METRIC, "--train", f"{BEGIN}..{TRAINED}",
                        "--validate", f"{VALIDATED}..", "--trials", str(trials), "--sampler", sampler,
                        "--seed", str(seed), "--fresh")

    def replay(self, values):
        key = json.dumps(values, sort_keys=True)
        if key not in self.known:
            given = [f"--param={name}={value!r}" for name, value in values.items()]
            report = self.run("replay", self.file, "--to", TRAINED, "--metrics", METRIC, "--no-stages", *given)
            self.known[key] = report["programs"][0]["metrics"][METRIC]["mean"]
        return self.known[key]

    def check(self):
        """That both commands mean the same; notes what is tuned."""
        report = self.tune("random", 1, 4)
        self.space = report["tunables"]
        for trial in report["trials"]:
            replayed = self.replay(trial["values"])
            if abs(replayed - trial["value"]) > 1e-12:
                raise SystemExit(f"{self.file}: {trial['values']} is {trial['value']} in tune, {replayed} in replay")

    def by_igql(self, sampler, seed):
        return [trial["value"] for trial in self.tune(sampler, seed, self.args.trials)["trials"]]

    def by_optuna(self, seed):
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        study.enqueue_trial({tunable["name"]: tunable["from"] for tunable in self.space})

        def objective(trial):
            return self.replay({t["name"]: trial.suggest_float(t["name"], t["low"], t["high"]) for t in self.space})

        study.optimize(objective, n_trials=self.args.trials)
        return [trial.value for trial in study.trials]


def report(name, runs, cuts):
    best = max(value for own in runs.values() for run in own for value in run)
    print(f"{name}: best {best:.5f}")
    peer = [max(run) for run in runs.get("optuna-tpe", [])]
    for sampler, own in runs.items():
        medians = "  ".join(f"{statistics.median(max(run[:cut]) for run in own):.5f}" for cut in cuts)
        near = [next((i + 1 for i, value in enumerate(run) if value >= 0.99 * best), None) for run in own]
        pairs = [(max(run) > other) + (max(run) == other) / 2 for run in own for other in peer]
        better = f"   better in {100 * statistics.mean(pairs):.0f} % of pairs" if pairs and sampler != "optuna-tpe" else ""
        print(f"  {sampler:12} {medians}   within 1 % at trial {near}{better}", flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--igql", default="target/release/igql", type=lambda path: str(Path(path).resolve()))
    args.add_argument("--catalog", default=Path(__file__).parents[2] / "examples/movies", type=Path)
    args.add_argument("--seeds", type=int, default=8)
    args.add_argument("--trials", type=int, default=60)
    args.add_argument("--own", default="gp,tpe,random")
    args.add_argument("--only", default=",".join(PROGRAMS))
    args.add_argument("--save", type=Path)
    args = args.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    saved = json.loads(args.save.read_text()) if args.save and args.save.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "movies"
        shutil.copytree(args.catalog, catalog)
        for name in args.only.split(","):
            program = Program(args, catalog, name)
            program.check()
            runs = {}
            for sampler in [*args.own.split(","), "optuna-tpe"]:
                for seed in range(1, args.seeds + 1):
                    key = f"{name}|{sampler}|{args.trials}|{seed}"
                    if key not in saved or sampler != "optuna-tpe":
                        by_peer = sampler == "optuna-tpe"
                        saved[key] = program.by_optuna(seed) if by_peer else program.by_igql(sampler, seed)
                        if args.save:
                            args.save.write_text(json.dumps(saved))
                    runs.setdefault(sampler, []).append(saved[key])
            report(name, runs, [cut for cut in CUTS if cut <= args.trials])


if __name__ == "__main__":
    main()
