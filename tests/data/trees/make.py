"""Trains the models of this folder, and writes what their libraries say of some rows.

    pip install lightgbm==4.7.0 xgboost==3.2.0 numpy
    python3 tests/data/trees/make.py

`lightgbm.json` and `xgboost.json` have the rows and, of each model, raw scores, predictions, and contributions to the first
rows. Numbers of LightGBM have 64 bits, those of XGBoost 32.
"""

import json
import pathlib

import lightgbm
import numpy
import xgboost

FOLDER = pathlib.Path(__file__).parent
ROWS = 48
EXPLAINED = 5
NAMES = ["age", "rate", "plays", "kind", "shelf", "size"]
ODD = [numpy.nan, 0.0, -0.0, 1e-36, -1e-36, 1e-35, -1e-35, 1.0000000180025095e-35, -3.0, 1e12, -1e12, 7.5]


def drawn(rows, random, odd):
    """Features of many kinds; of rows to be scored some are odd."""
    columns = [
        numpy.where(random.random(rows) < 0.15, numpy.nan, random.normal(size=rows)),
        numpy.where(random.random(rows) < 0.4, 0.0, random.normal(size=rows)),
        random.poisson(3, rows).astype(float),
        random.integers(0, 45, rows).astype(float),
        random.integers(0, 4, rows).astype(float),
        random.normal(size=rows) * 1e9,
    ]
    x = numpy.column_stack(columns)
    if odd:
        for row in range(rows // 2):
            for column in random.choice(x.shape[1], 2, replace=False):
                x[row, column] = ODD[random.integers(len(ODD))]
        # categories that were not seen, are no categories, or are not whole
        x[:8, 3] = [99.0, -1.0, 1e10, 2.7, -0.5, numpy.nan, 44.0, 3e9]
    return x


def learned(x, random):
    score = numpy.nan_to_num(x[:, 0]) + 0.7 * x[:, 1] + 0.3 * (x[:, 3] % 3) - 0.2 * x[:, 2]
    return score + 0.5 * numpy.isnan(x[:, 0]) + 0.3 * random.normal(size=len(x))


def plain(values):
    """Numbers as JSON has them; NaN is null."""
    return [plain(v) if isinstance(v, numpy.ndarray) else None if v != v else float(v) for v in numpy.asarray(values)]


def write(name, rows, models):
    text = json.dumps({"rows": plain(rows), "models": models}, separators=(",", ":"))
    (FOLDER / name).write_text(text.replace('"models":{', '"models":{\n').replace('},"', '},\n"') + "\n")


def lightgbm_models():
    random = numpy.random.default_rng(7)
    x, rows = drawn(600, random, False), drawn(ROWS, random, True)
    score = learned(x, random)
    liked = (score > numpy.median(score)).astype(float)
    amount, of_three = numpy.exp(score / 2), numpy.digitize(score, [-0.5, 0.7]).astype(float)
    ranks = dict(group=[20] * 30)
    settings = {
        "binary": (liked, {}),
        "binary_sigmoid": (liked, dict(objective="binary", sigmoid=1.7)),
        "regression": (score, {}),
        "regression_sqrt": (amount * numpy.sign(score), dict(objective="regression", reg_sqrt=True)),
        "regression_l1": (score, {}),
        "huber": (score, {}),
        "fair": (score, {}),
        "quantile": (score, dict(alpha=0.8)),
        "mape": (amount, {}),
        "poisson": (numpy.floor(amount), {}),
        "gamma": (amount, {}),
        "tweedie": (amount, {}),
        "multiclass": (of_three, dict(num_class=3)),
        "multiclassova": (of_three, dict(num_class=3)),
        "cross_entropy": (1 / (1 + numpy.exp(-score)), {}),
        "cross_entropy_lambda": (1 / (1 + numpy.exp(-score)), {}),
        "lambdarank": (of_three, ranks),
        "rank_xendcg": (of_three, ranks),
        "dart": (liked, dict(objective="binary", boosting="dart", drop_rate=0.5, skip_drop=0.0)),
        "rf": (liked, dict(objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6)),
        "categorical": (liked, dict(objective="binary", categorical_feature=[3, 4], max_cat_to_onehot=2, min_data_per_group=5, cat_smooth=1)),
        "onehot": (score, dict(objective="regression", categorical_feature=[3, 4], max_cat_to_onehot=64, min_data_per_group=5)),
        "zero_as_missing": (liked, dict(objective="binary", zero_as_missing=True)),
        "never_missing": (liked, dict(objective="binary", use_missing=False)),
        "many_leaves": (score, dict(objective="regression", num_leaves=150, min_data_in_leaf=1, num_iterations=2)),
        "named": (liked, dict(objective="binary", feature_name=NAMES)),
        "constant": (numpy.full(len(x), 3.0), dict(objective="regression")),
        "early_stopped": (liked, dict(objective="binary", num_iterations=60, early_stopping=True)),
    }
    models = {}
    for name, (label, given) in settings.items():
        given = dict(given)
        columns = given.pop("categorical_feature", "auto"), given.pop("feature_name", "auto")
        stops = given.pop("early_stopping", False)
        data = lightgbm.Dataset(x, label, group=given.pop("group", None), categorical_feature=columns[0], feature_name=columns[1])
        params = dict(objective=name, num_leaves=12, min_data_in_leaf=5, num_iterations=4, learning_rate=0.3)
        params |= dict(verbose=-1, seed=3, num_threads=1, deterministic=True) | given
        valid = dict(valid_sets=[lightgbm.Dataset(rows, numpy.arange(ROWS) % 2, reference=data)]) if stops else {}
        valid |= dict(callbacks=[lightgbm.early_stopping(2, verbose=False)]) if stops else {}
        booster = lightgbm.train(params, data, **valid)
        booster.save_model(FOLDER / f"lightgbm_{name}.txt")
        # what the file says, and nothing that only the trained object knows
        booster = lightgbm.Booster(model_file=FOLDER / f"lightgbm_{name}.txt")
        models[name] = {
            "raw": plain(booster.predict(rows, raw_score=True)),
            "predicted": plain(booster.predict(rows)),
            "contributions": plain(booster.predict(rows[:EXPLAINED], pred_contrib=True)),
        }
    write("lightgbm.json", rows, models)


def xgboost_models():
    random = numpy.random.default_rng(8)
    x, rows = drawn(600, random, False), drawn(ROWS, random, True)
    score = learned(x, random)
    liked = (score > numpy.median(score)).astype(float)
    amount, of_three = numpy.exp(score / 2), numpy.digitize(score, [-0.5, 0.7]).astype(float)
    ranks = dict(group=[20] * 30)
    settings = {
        "binary_logistic": (liked, dict(objective="binary:logistic")),
        "binary_logitraw": (liked, dict(objective="binary:logitraw")),
        "binary_hinge": (liked, dict(objective="binary:hinge")),
        "reg_squarederror": (score, dict(objective="reg:squarederror")),
        "reg_squaredlogerror": (amount, dict(objective="reg:squaredlogerror")),
        "reg_pseudohubererror": (score, dict(objective="reg:pseudohubererror")),
        "reg_absoluteerror": (score, dict(objective="reg:absoluteerror")),
        "reg_quantileerror": (score, dict(objective="reg:quantileerror", quantile_alpha=[0.2, 0.8])),
        "reg_logistic": (1 / (1 + numpy.exp(-score)), dict(objective="reg:logistic")),
        "count_poisson": (numpy.floor(amount), dict(objective="count:poisson")),
        "reg_gamma": (amount, dict(objective="reg:gamma")),
        "reg_tweedie": (amount, dict(objective="reg:tweedie")),
        "survival_cox": (amount, dict(objective="survival:cox")),
        "survival_aft": (amount, dict(objective="survival:aft", bounds=True)),
        "multi_softprob": (of_three, dict(objective="multi:softprob", num_class=3)),
        "multi_softmax": (of_three, dict(objective="multi:softmax", num_class=3)),
        "rank_ndcg": (of_three, dict(objective="rank:ndcg") | ranks),
        "rank_map": (liked, dict(objective="rank:map") | ranks),
        "rank_pairwise": (of_three, dict(objective="rank:pairwise") | ranks),
        "dart": (liked, dict(objective="binary:logistic", booster="dart", rate_drop=0.5, one_drop=1)),
        "base_score": (liked, dict(objective="binary:logistic", base_score=0.9)),
        "parallel": (liked, dict(objective="binary:logistic", num_parallel_tree=3, subsample=0.6)),
        "two_targets": (numpy.column_stack([score, amount]), dict(objective="reg:squarederror")),
        "deep": (score, dict(objective="reg:squarederror", max_depth=9, min_child_weight=0, rounds=2)),
        "exact": (liked, dict(objective="binary:logistic", tree_method="exact")),
        "pruned": (liked, dict(objective="binary:logistic", tree_method="exact", gamma=4.0)),
        "named": (liked, dict(objective="binary:logistic", names=NAMES)),
        "early_stopped": (liked, dict(objective="binary:logistic", rounds=30, early_stopping=True)),
    }
    models = {}
    for name, (label, given) in settings.items():
        given = dict(given)
        group, names, rounds = given.pop("group", None), given.pop("names", None), given.pop("rounds", 4)
        stops = given.pop("early_stopping", False)
        data = xgboost.DMatrix(x, label, feature_names=names)
        if group:
            data.set_group(group)
        if given.pop("bounds", False):
            data.set_float_info("label_lower_bound", label)
            data.set_float_info("label_upper_bound", label * 1.5)
        params = dict(max_depth=3, eta=0.4, seed=3, nthread=1, verbosity=0) | given
        held = dict(evals=[(xgboost.DMatrix(rows, numpy.arange(ROWS) % 2), "held")], early_stopping_rounds=2, verbose_eval=False)
        booster = xgboost.train(params, data, rounds, **(held if stops else {}))
        booster.save_model(FOLDER / f"xgboost_{name}.json")
        booster = xgboost.Booster(model_file=FOLDER / f"xgboost_{name}.json")
        asked = xgboost.DMatrix(rows, feature_names=names)
        first = xgboost.DMatrix(rows[:EXPLAINED], feature_names=names)
        has_parts = params.get("booster") != "dart" and params["objective"] != "reg:quantileerror"
        models[name] = {
            "raw": plain(booster.predict(asked, output_margin=True)),
            "predicted": plain(booster.predict(asked)),
            "contributions": plain(booster.predict(first, pred_contribs=True)) if has_parts else None,
            "two_rounds": plain(booster.predict(asked, iteration_range=(0, 2))),
        }
    write("xgboost.json", rows, models)


if __name__ == "__main__":
    lightgbm_models()
    xgboost_models()
