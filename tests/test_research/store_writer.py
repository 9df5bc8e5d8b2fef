"""What the store's tests run in child processes: ``python store_writer.py WHAT HOME [NUMBER …]``."""

import sys
from datetime import UTC, datetime, timedelta

import polars as pl

from research.maintenance import compact
from research.schemas import Column, Table
from research.store import Store

BATCH = 200
NOTES = Table(
    "notes",
    ("id",),
    (Column("id", pl.String, "id"), Column("available_at", pl.Datetime("us", "UTC"), "clock"), Column("n", pl.Int64, "n")),
    clock="available_at",
)
NOW = datetime(2024, 1, 1, tzinfo=UTC)


def notes(start: int, end: int) -> pl.DataFrame:
    n = pl.int_range(start, end, eager=True).alias("n")
    clock = (pl.lit(NOW) + n.cast(pl.Int64) * timedelta(seconds=1)).cast(pl.Datetime("us", "UTC"))
    return pl.select(id=n.cast(pl.String).str.zfill(7), available_at=clock, n=n)


def main(what: str, home: str, *numbers: str) -> None:
    store = Store(home)
    first, last = (int(n) for n in numbers[:2])
    print("ready", flush=True)
    if what == "write":
        for k in range(first, last):
            print("added", store.append(NOTES, notes(k * BATCH, (k + 1) * BATCH)).added, flush=True)
    elif what == "compact":
        for _ in range(first, last):
            print(compact(store, NOTES, now=NOW), flush=True)
    elif what == "die":
        import os
        import signal

        from deltalake import DeltaTable

        commit = DeltaTable.create_write_transaction

        def killed(*arguments: object, **settings: object) -> None:
            if numbers[2] == "after":
                commit(*arguments, **settings)  # type: ignore[arg-type]
            os.kill(os.getpid(), signal.SIGKILL)

        DeltaTable.create_write_transaction = killed  # type: ignore[assignment,method-assign]
        store.append(NOTES, notes(first * BATCH, last * BATCH))
    elif what == "full":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        for limit in numbers[2:]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), hard))
            try:
                done = store.append(NOTES, notes(first * BATCH, last * BATCH)).added
            except Exception as error:
                done = f"{type(error).__name__}: {error}"
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            print(done, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
