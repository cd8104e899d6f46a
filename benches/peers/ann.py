"""Recall against queries per second of FAISS, hnswlib and usearch, over the vectors that the benchmark wrote.

    pip install faiss-cpu hnswlib usearch numpy
    cargo bench --bench ann -- 200000 64 10 1000 --write /tmp/ann
    python3 benches/peers/ann.py /tmp/ann [faiss] [hnswlib] [usearch]

Exact searches of one query at a time are measured in turns with those of the benchmark, which starts this program:

    cargo bench --bench ann -- 200000 64 --exact --write /tmp/ann --peer python3

Searches run on one thread, builds on two. Each library is measured in a process of its own, so that its
memory is what that process holds more than before. The rates are medians of five runs, by the time that the
process had a processor, so that other work on the machine counts less.
"""

import json
import multiprocessing
import os
import sys
import time

RUNS = 5
THREADS = 2
WIDTHS = [10, 12, 16, 20, 28, 40, 56, 80, 112, 160, 224, 320, 640]


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def load(folder):
    import numpy

    about = json.load(open(f"{folder}/about.json"))
    read = lambda name, kind, width: numpy.fromfile(f"{folder}/{name}", dtype=kind).reshape(-1, width)
    data = read("vectors.f32", "float32", about["dim"])
    data = data / numpy.linalg.norm(data, axis=1, keepdims=True)
    rows = numpy.fromfile(f"{folder}/queries.u32", dtype="uint32")
    truth = read("truth.u32", "uint32", about["k"])
    return about, data, rows, truth


def faiss_hnsw(data, k):
    import faiss

    faiss.omp_set_num_threads(THREADS)
    index = faiss.IndexHNSWFlat(data.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 128
    index.add(data)
    faiss.omp_set_num_threads(1)

    def search(query, ef):
        index.hnsw.efSearch = ef
        return index.search(query, k)[1]

    return search


def hnswlib_hnsw(data, k):
    import hnswlib

    index = hnswlib.Index(space="ip", dim=data.shape[1])
    index.init_index(max_elements=len(data), ef_construction=128, M=16)
    index.add_items(data, num_threads=THREADS)

    def search(query, ef):
        index.set_ef(max(ef, k))
        return index.knn_query(query, k=k, num_threads=1)[0]

    return search


def usearch_hnsw(kind):
    def build(data, k):
        import numpy
        from usearch.index import Index

        index = Index(ndim=data.shape[1], metric="ip", dtype=kind, connectivity=16, expansion_add=128)
        index.add(numpy.arange(len(data)), data, threads=THREADS)

        def search(query, ef):
            index.expansion_search = ef
            return index.search(query, k, threads=1).keys

        return search

    return build


def faiss_flat(data, k):
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(data.shape[1])
    index.add(data)
    return lambda query, _: index.search(query, k)[1]


LIBRARIES = {
    "faiss": faiss_hnsw,
    "hnswlib": hnswlib_hnsw,
    "usearch": usearch_hnsw("f32"),
    "usearch-i8": usearch_hnsw("i8"),
    "faiss-flat": faiss_flat,
}


def median(run):
    times = []
    for _ in range(RUNS):
        start, runs = time.process_time(), 0
        while runs == 0 or time.process_time() - start < 0.05:
            result = run()
            runs += 1
        times.append((time.process_time() - start) / runs)
    return sorted(times)[RUNS // 2], result


def recall(found, rows, truth):
    """Of the true neighbours without the row itself, which is asked for as one more."""
    import numpy

    hits = 0
    for each, row, true in zip(numpy.asarray(found).astype("int64"), rows, truth):
        kept = [other for other in each if other != row][: len(true)]
        hits += len(set(kept) & set(true.tolist()))
    return hits / truth.size


def measure(name, folder):
    about, data, rows, truth = load(folder)
    queries = data[rows].copy()
    if name == "faiss-flat":
        search = faiss_flat(data, about["k"] + 1)
        for batch in [1, 16, 64]:
            seconds, _ = median(lambda: search(queries[:batch], None))
            print(f"{name}, {batch:>2} at once, 1 thread: {batch / seconds:>8.0f} queries/s", flush=True)
        return
    print(f"{name}: building", flush=True)
    before = resident()
    start, used = time.perf_counter(), time.process_time()
    search = LIBRARIES[name](data, about["k"] + 1)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    memory = (resident() - before) / 1e6
    print(f"{name}: built in {seconds:.1f} s ({used:.1f} s of processors) on {THREADS} threads, {memory:.0f} MB", flush=True)
    for ef in WIDTHS:
        # one query at a time would measure Python
        seconds, found = median(lambda: search(queries, ef))
        rate, share = len(queries) / seconds, recall(found, rows, truth)
        print(f"{name}, ef {ef:>4}: recall {share:.4f}, {rate:>7.0f} queries/s", flush=True)
        if share >= 0.9995:
            break


def answer(folder):
    """Lines of a metric and `k`: answers how many seconds FAISS searches one query by comparing it with all."""
    import faiss
    import numpy

    faiss.omp_set_num_threads(1)
    about = json.load(open(f"{folder}/about.json"))
    data = numpy.fromfile(f"{folder}/vectors.f32", dtype="float32").reshape(-1, about["dim"])
    rows = numpy.fromfile(f"{folder}/queries.u32", dtype="uint32")
    flat = {"cosine": faiss.IndexFlatIP, "dot": faiss.IndexFlatIP, "l2": faiss.IndexFlatL2}
    known, asked = None, 0
    for line in sys.stdin:
        metric, k = line.split()
        if metric != known:
            vectors = data / numpy.linalg.norm(data, axis=1, keepdims=True) if metric == "cosine" else data
            index = flat[metric](vectors.shape[1])
            index.add(vectors)
            known, queries = metric, vectors[rows].copy()
        start, runs = time.process_time(), 0
        while runs == 0 or time.process_time() - start < 0.05:
            place = asked % len(queries)
            index.search(queries[place : place + 1], int(k))
            asked, runs = asked + 1, runs + 1
        print((time.process_time() - start) / runs, flush=True)


def main():
    if sys.argv[2:] == ["answer"]:
        return answer(sys.argv[1])
    folder, names = sys.argv[1], sys.argv[2:] or list(LIBRARIES)
    for name in names:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(name, folder))
        process.start()
        process.join()
        if process.exitcode != 0:
            sys.exit(f"{name} failed")


if __name__ == "__main__":
    main()
