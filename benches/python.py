"""What a call from Python costs beyond the same call from Rust, in the same run.

    pip install ./python
    igql demo world --users 20000 --accounts 4000 --media 50000 --impressions 400000
    python3 benches/python.py world

Rust is `igql bench`, which asks the library itself; rounds of both take turns, and medians are compared. A request makes a
page of 25 rows, whose keys and scores are then read; one of 500 rows shows what a row costs that nobody reads.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import igql

ROUNDS = 5
PAGE = "user.liked(max_num_to_retrieve=30).account_nn(k=20).posted_media().filter(quality > 0.2).rank().take({rows})"


def rust(file, users, world, *options):
    command = [sys.executable, "-m", "igql", "bench", file, "--users", users, "--catalog", world, "--format", "json"]
    return json.loads(subprocess.run([*command, *options], capture_output=True, text=True, check=True).stdout)


def median_us(call, users):
    taken = []
    for user in users:
        begun = time.perf_counter_ns()
        call(user)
        taken.append(time.perf_counter_ns() - begun)
    return statistics.median(taken) / 1e3


def seconds(call):
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def file_of(text, suffix):
    with tempfile.NamedTemporaryFile("w", suffix=suffix, delete=False) as file:
        file.write(text)
        return file.name


def read(answer):
    return answer["media_id"], answer["score"]


def single(engine, world, users):
    print("one request at a time, p50 in us; beyond Rust must be <= 15 + 0.1 a row")
    keys = file_of("\n".join(map(str, users)), ".txt")
    for rows in [25, 500]:
        text = PAGE.format(rows=rows)
        file, program = file_of(text, ".igql"), engine.compile(text)
        on_a_thread = {}

        def elsewhere():
            on_a_thread["us"] = median_us(program.run, users)

        found = []
        for _ in range(ROUNDS):
            native = rust(file, keys, world, "--batch", "1", "--threads", "2")["p50_us"]
            main, reading = median_us(program.run, users), median_us(lambda user: read(program.run(user)), users)
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
            found.append((native, main, on_a_thread["us"], reading))
        native, main, other, reading = (statistics.median(column) for column in zip(*found, strict=True))
        print(
            f"  {rows:3} rows: Rust {native:.1f}, Python {main:.1f} (+{main - native:.1f}), "
            f"on another thread {other:.1f} (+{other - native:.1f}), keys and scores read {reading:.1f}"
        )


def batches(engine, world, users):
    print("10,000 requests, 2 threads; beyond Rust must be <= 3 %")
    text = PAGE.format(rows=25)
    file, program = file_of(text, ".igql"), engine.compile(text)
    keys = file_of("\n".join(map(str, users)), ".txt")
    found = []
    for _ in range(ROUNDS):
        native = len(users) / rust(file, keys, world, "--batch", "64", "--threads", "2")["requests_per_s"]
        answers = []
        batch = seconds(lambda: answers.append(program.run_batch(users, threads=2)))
        table = seconds(answers[0].to_arrow)
        again = seconds(answers[0].to_arrow)
        found.append((native, batch, table, again))
    native, batch, table, again = (statistics.median(column) for column in zip(*found, strict=True))
    print(f"  Rust {native:.3f} s, Python {batch:.3f} s ({batch / native - 1:+.1%}); as a table of Arrow {table:.3f} s, again {again * 1e3:.2f} ms")


def threads(engine, users):
    print("two threads of Python; must be >= 1.9 times one")
    program = engine.compile(PAGE.format(rows=25))

    def work():
        for user in users:
            program.run(user)

    def several(n):
        workers = [threading.Thread(target=work) for _ in range(n)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    ratios = []
    for _ in range(ROUNDS):
        one, two = seconds(lambda: several(1)), seconds(lambda: several(2))
        ratios.append(2 * one / two)
    print(f"  {statistics.median(ratios):.2f} times")


def main():
    world = sys.argv[1]
    engine = igql.open(world)
    keys = [answer.user for answer in engine.compile("user.take(1)").run_batch("all")]
    single(engine, world, keys[:1_000])
    batches(engine, world, keys[:10_000])
    threads(engine, keys[:1_000])


main()
