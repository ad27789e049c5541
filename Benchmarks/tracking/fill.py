"""Fills a tracking store that exists already with many runs, straight into its tables.

Both servers read the same schema, so that one filled file, copied, serves both.
"""

import random
import sqlite3

PARAMS = ("learning_rate", "batch_size", "optimizer", "seed")
METRICS = ("accuracy", "loss", "f1", "duration")


def fill(path, runs, points, seed=1):
    """Adds an experiment of so many runs, each with four metrics, parameters and tags, and one run with a long history.

    Returns the experiment's id and the id of the run with the history, whose metric is called `history`.
    """
    chance = random.Random(seed)
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -200000")
    with database:
        experiment = database.execute("SELECT max(experiment_id) + 1 FROM experiments").fetchone()[0]
        (root,) = database.execute("SELECT artifact_location FROM experiments WHERE experiment_id = 0").fetchone()
        root = root.rsplit("/", 1)[0]
        start = 1_700_000_000_000
        database.execute(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time,"
            " last_update_time, workspace) VALUES (?, ?, ?, 'active', ?, ?, 'default')",
            (experiment, f"filled with {runs}", f"{root}/{experiment}", start, start),
        )
        run_rows, metric_rows, latest_rows, param_rows, tag_rows = [], [], [], [], []
        for number in range(runs):
            run = f"{chance.getrandbits(128):032x}"
            time = start + number * 1000 + chance.randrange(1000)
            name = f"run-{number}"
            run_rows.append((run, name, time, time + 60_000, f"{root}/{experiment}/{run}/artifacts", experiment))
            values = {
                "accuracy": chance.random(),
                "loss": chance.expovariate(1),
                "f1": chance.random(),
                "duration": chance.randrange(10, 10_000) / 10,
            }
            for key in METRICS:
                metric_rows.append((key, values[key], time, run, 0))
                latest_rows.append((key, values[key], time, 0, run))
            texts = (f"{chance.random() / 10:.5f}", str(2 ** chance.randrange(4, 10)), chance.choice(("adam", "sgd", "lion")))
            param_rows += [(key, value, run) for key, value in zip(PARAMS, texts + (str(number),))]
            tag_rows += [
                ("mlflow.runName", name, run),
                ("mlflow.user", "ada", run),
                ("mlflow.source.type", "LOCAL", run),
                ("stage", chance.choice(("dev", "prod")), run),
            ]
        database.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
            " end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
            " VALUES (?, ?, 'UNKNOWN', '', '', 'ada', 'FINISHED', ?, ?, '', 'active', ?, ?)",
            run_rows,
        )
        run = run_rows[0][0]
        metric_rows += [("history", chance.random(), start + step, run, step) for step in range(points)]
        if points:
            last = metric_rows[-1]
            latest_rows.append(("history", last[1], last[2], last[4], run))
        database.executemany(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)", metric_rows)
        database.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, run_uuid, is_nan) VALUES (?, ?, ?, ?, ?, 0)",
            latest_rows,
        )
        database.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", param_rows)
        database.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", tag_rows)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return str(experiment), run
