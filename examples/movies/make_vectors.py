#!/usr/bin/env python3
"""Writes content.npy: one vector per row of movies.csv, from genres, tags and decade.

    pip install numpy
    python3 make_vectors.py

Every movie is a bag of terms (its genres, the tags that users gave it, the decade in its
title), weighted by TF-IDF, and reduced to 24 numbers by a truncated SVD. Row i belongs to row i
of movies.csv. A movie without any term has a zero vector, which under cosine is no vector.
"""
import csv
import math
import pathlib
import re
from collections import Counter

import numpy as np

HERE = pathlib.Path(__file__).parent
DIM = 24
NO_GENRE = "(no genres listed)"


def read(name):
    with open(HERE / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def terms(movie, tags):
    """How often each term describes a movie."""
    found = Counter(f"genre {g}" for g in movie["genres"].split("|") if g != NO_GENRE)
    found.update(f"tag {tag.strip().lower()}" for tag in tags)
    year = re.search(r"\((\d{3})\d\)", movie["title"])
    if found and year:
        found[f"decade {year[1]}0s"] += 0.5
    return found


def main():
    movies, tags = read("movies.csv"), {}
    for row in read("tags.csv"):
        tags.setdefault(row["movieId"], []).append(row["tag"])
    bags = [terms(movie, tags.get(movie["movieId"], [])) for movie in movies]
    spread = Counter(term for bag in bags for term in bag)
    place = {term: i for i, term in enumerate(sorted(spread))}
    matrix = np.zeros((len(movies), len(place)))
    for row, bag in enumerate(bags):
        for term, count in bag.items():
            matrix[row, place[term]] = (1 + math.log(count) if count >= 1 else count) * math.log(len(movies) / spread[term])
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix /= np.where(lengths > 0, lengths, 1)
    _, axes = np.linalg.eigh(matrix.T @ matrix)
    axes = axes[:, ::-1][:, :DIM]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), range(DIM)])  # an axis has no sign of its own
    np.save(HERE / "content.npy", (matrix @ axes).astype(np.float32))
    print(f"content.npy: {len(movies)} x {DIM}, {int((lengths == 0).sum())} without terms")


if __name__ == "__main__":
    main()
