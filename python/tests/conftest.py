"""A small world of their own for all tests: three users, five films, what was liked when."""

from __future__ import annotations

import pathlib

import igql
import pytest

CATALOG = """
[catalog]
name = "films"
viewer = "person"

[entity.person]
table = "people.csv"
key = "person_id"

[entity.film]
table = "films.csv"
key = "film_id"
time = "released"
[entity.film.columns]
tags = { type = "list[string]", separator = "|" }

[edge.likes]
table = "likes.csv"
from = { entity = "person", column = "person_id" }
to = { entity = "film", column = "film_id" }
time = "at"

[defaults]
now = "latest"
seen = ["likes"]
"""

TABLES = {
    "people.csv": "person_id,country\n1,DE\n2,FR\n3,\n",
    "films.csv": (
        "film_id,title,released,rating,tags\n"
        "10,Ten,2020-01-01,7.5,drama|war\n"
        "11,Eleven,2020-02-01,8.0,drama\n"
        "12,Twelve,2020-03-01,,comedy\n"
        "13,Thirteen,2020-04-01,6.0,\n"
        '14,"<b>Four""teen</b>",2020-05-01,9.0,war\n'
    ),
    "likes.csv": (
        "person_id,film_id,at\n"
        "1,10,2021-01-01\n1,11,2021-01-02\n2,11,2021-01-03\n2,12,2021-01-04\n3,12,2021-01-05\n3,14,2021-01-06\n"
    ),
}


def world(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalog.toml").write_text(CATALOG)
    for name, text in TABLES.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return world(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def engine(films: pathlib.Path) -> igql.Engine:
    return igql.open(films)


PAGE = "all(film).unseen().score(rating).take(3).select(title, tags, released)"


@pytest.fixture(scope="session")
def page(engine: igql.Engine) -> igql.Program:
    return engine.compile(PAGE)
