"""MlflowClient: experiments, runs, search, history, tags, life cycle."""

import time

import mlflow
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException

client = mlflow.MlflowClient()


def refused(code, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        return str(error)
    raise AssertionError(f"{call.__name__}{arguments} was not refused")


first = client.create_experiment("first", tags={"team": "a", "empty": ""})
second = client.create_experiment("second")
assert client.get_experiment(first).name == "first"
assert client.get_experiment(first).tags == {"team": "a", "empty": ""}
assert client.get_experiment_by_name("second").experiment_id == second
assert client.get_experiment_by_name("none") is None
refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, "first")
refused("RESOURCE_DOES_NOT_EXIST", client.get_experiment, "4711")
refused("INVALID_PARAMETER_VALUE", client.get_experiment, "abc")
client.set_experiment_tag(second, "k", "v")
client.rename_experiment(second, "renamed")
client.delete_experiment(second)
assert client.get_experiment(second).lifecycle_stage == "deleted"
refused("INVALID_PARAMETER_VALUE", client.create_run, second)
assert [e.name for e in client.search_experiments(view_type=ViewType.DELETED_ONLY)] == ["renamed"]
client.restore_experiment(second)
names = [e.name for e in client.search_experiments(order_by=["name ASC"], view_type=ViewType.ALL)]
assert names == ["Default", "first", "renamed"], names
assert [e.name for e in client.search_experiments(filter_string="tags.team = 'a'")] == ["first"]
page = client.search_experiments(max_results=2)
rest = client.search_experiments(max_results=2, page_token=page.token)
assert len(page) == 2 and len(rest) == 1 and not rest.token

runs = []
for index in range(25):
    run = client.create_run(first, run_name=f"run-{index:02}", tags={"index": str(index)}, start_time=1000 + index)
    client.log_metric(run.info.run_id, "m", float(index % 5), step=0)
    client.log_param(run.info.run_id, "parity", "even" if index % 2 == 0 else "odd")
    runs.append(run.info.run_id)

found = client.search_runs([first], "metrics.m > 2 and params.parity = 'even'", order_by=["attributes.start_time ASC"])
assert [r.info.run_name for r in found] == [f"run-{i:02}" for i in range(25) if i % 5 > 2 and i % 2 == 0], found
seen, token = [], None
while True:
    page = client.search_runs([first], max_results=10, order_by=["metrics.m DESC"], page_token=token)
    seen += [r.info.run_id for r in page]
    token = page.token
    if not token:
        break
assert sorted(seen) == sorted(runs) and len(set(seen)) == 25
assert [r.info.run_id for r in client.search_runs([first], f"attributes.run_id IN ('{runs[3]}', '{runs[7]}')", order_by=["run_name"])] == [runs[3], runs[7]]
assert client.search_runs([first], "attributes.run_name LIKE 'run-2%'", order_by=["run_name"])[0].info.run_id == runs[20]
assert len(client.search_runs([])) == 0
refused("INVALID_PARAMETER_VALUE", client.search_runs, [first], "metrics.m > 1 OR metrics.m < 0")
refused("INVALID_PARAMETER_VALUE", client.search_runs, [first], max_results=50001)

client.delete_run(runs[0])
assert client.get_run(runs[0]).info.lifecycle_stage == "deleted"
refused("INVALID_PARAMETER_VALUE", client.set_tag, runs[0], "a", "b")
assert len(client.search_runs([first], run_view_type=ViewType.DELETED_ONLY)) == 1
client.restore_run(runs[0])
client.set_tag(runs[0], "a", "b")
client.delete_tag(runs[0], "a")
refused("RESOURCE_DOES_NOT_EXIST", client.delete_tag, runs[0], "a")
refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "0" * 32)
client.update_run(runs[0], status="SCHEDULED", name="other name")
assert client.get_run(runs[0]).info.run_name == "other name"
assert client.get_run(runs[0]).data.tags["mlflow.runName"] == "other name"
client.set_terminated(runs[0], "KILLED", end_time=5000)
assert client.get_run(runs[0]).info.end_time == 5000

now = int(time.time() * 1000)
for step in range(300):
    client.log_metric(runs[1], "long", step * 0.5, timestamp=now + step, step=step)
history = client.get_metric_history(runs[1], "long")
assert [m.step for m in history] == list(range(300))
assert client.get_metric_history(runs[1], "unknown") == []
refused("INVALID_PARAMETER_VALUE", client.log_metric, runs[1], "x", 1.0, timestamp=-1)
refused("INVALID_PARAMETER_VALUE", client.log_param, runs[1], "bad key!", 1)
refused("INVALID_PARAMETER_VALUE", client.log_param, runs[1], "../up", 1)
print("OK")
