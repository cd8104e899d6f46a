"""What LightGBM or XGBoost take for the trees that `benches/trees.rs` reads, on one thread.

    pip install lightgbm xgboost numpy
    cargo bench --bench trees -- --peer python3 /tmp/trees

The benchmark starts this program with a folder and a library. It trains 200 trees of 31 leaves on 64 features, writes the
model, rows and raw scores there, and is then asked for medians of runs, line by line. LightGBM is called through its C API with
arrays that are there already, so that nothing but its prediction is measured; XGBoost predicts in place.
"""

import ctypes
import sys
import time

import numpy

ROWS, FEATURES, TREES, LEAVES = 500, 64, 200, 31


def drawn(rows, random):
    """Numbers of many scales, every fourth of few values; some are missing."""
    x = random.random((rows, FEATURES))
    x[:, 0::4] = numpy.floor(x[:, 0::4] * 8)
    x[:, 1::4] *= 100
    x[:, 2::4] = random.normal(size=x[:, 2::4].shape)
    x[:, 3::4] = random.exponential(10, x[:, 3::4].shape)
    x[random.random(x.shape) < 0.05] = numpy.nan
    return x


def trained_on():
    random = numpy.random.default_rng(1)
    x = drawn(20_000, random)
    signal = numpy.nan_to_num(x)
    score = signal[:, 0] / 4 + numpy.sin(signal[:, 1] / 10) + signal[:, 2] * signal[:, 6] - signal[:, 3] / 20
    return x, (score + random.normal(size=len(x)) > numpy.median(score)).astype(float), drawn(ROWS, random)


def of_lightgbm(folder):
    import lightgbm

    x, y, rows = trained_on()
    params = dict(objective="binary", num_leaves=LEAVES, num_iterations=TREES, verbose=-1, num_threads=2)
    booster = lightgbm.train(params, lightgbm.Dataset(x, y))
    booster.save_model(f"{folder}/model")
    library, size, found = lightgbm.basic._LIB, ctypes.c_int64(), numpy.empty(ROWS)
    rows = numpy.ascontiguousarray(rows)
    at = lambda array: array.ctypes.data_as(ctypes.c_void_p)

    def predict():
        double, row_major, raw = 1, 1, 1
        failed = library.LGBM_BoosterPredictForMat(
            booster._handle, at(rows), double, ctypes.c_int32(ROWS), ctypes.c_int32(FEATURES), row_major,
            raw, 0, -1, b"num_threads=1", ctypes.byref(size), at(found),
        )
        assert not failed
        return found

    return rows, predict


def of_xgboost(folder):
    import xgboost

    x, y, rows = trained_on()
    params = dict(objective="binary:logistic", grow_policy="lossguide", max_leaves=LEAVES, max_depth=0, nthread=2)
    booster = xgboost.train(params, xgboost.DMatrix(x, y), TREES)
    booster.save_model(f"{folder}/model.json")
    booster.set_param(dict(nthread=1))
    rows = rows.astype("float32")
    return rows, lambda: booster.inplace_predict(rows, predict_type="margin")


def main():
    folder, library = sys.argv[1:]
    rows, predict = of_lightgbm(folder) if library == "lightgbm" else of_xgboost(folder)
    rows.astype("float64").tofile(f"{folder}/rows.f64")
    predict().astype("float64").tofile(f"{folder}/scores.f64")
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            predict()
            times.append(time.perf_counter() - start)
        print(sorted(times)[len(times) // 2], flush=True)


main()
