"""Tables of Amazon Beauty (5-core, in the order of time, as S3-Rec and SASRec use it).

    python3 prepare.py DATA OUT

DATA has Beauty.txt. The last item of each user is the test and the one before is for tuning. Programs are fitted on
`purchases`, and ask for what follows `history`, which has all items before the one that is asked for: in OUT/test,
purchases are without the last two items of each user, and history is without the last. OUT/tune is the same of a log
without the last items. The time of a link in history is its place in the log of the user: 1 is the first.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import tables


def purchases(logs):
    """A row for each purchase, with the user's next one."""
    number = 0
    for user, items in logs.items():
        for place, item in enumerate(items, 1):
            number += 1
            yield number, user, item, number + 1 if place < len(items) else ""


def placed(logs):
    return [(user, item, place) for user, items in logs.items() for place, item in enumerate(items, 1)]


def split(out, logs):
    """Fitted on all but the last two items of each log; asks for the last."""
    bought = purchases({user: items[:-2] for user, items in logs.items()})
    tables.write(out / "purchases.csv", ["purchase_id", "user_id", "item_id", "next_id"], bought)
    history = placed({user: items[:-1] for user, items in logs.items()})
    tables.write(out / "history.csv", ["user_id", "item_id", "place"], history)
    tables.write(out / "held_out.csv", ["user_id", "item_id"], [(user, items[-1]) for user, items in logs.items()])
    tables.items(out / "items.csv", "item_id", [item for items in logs.values() for item in items])


def main():
    data, out = map(Path, sys.argv[1:])
    logs = dict(tables.lists(data / "Beauty.txt"))
    split(out / "test", logs)
    split(out / "tune", {user: items[:-1] for user, items in logs.items()})


main()
