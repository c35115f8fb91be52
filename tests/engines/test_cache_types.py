"""The local step cache, for the types of steps that have more than a request: tuning, batch transform, checks."""

from __future__ import annotations

from typing import Any

from engines.place import IMAGE, Place
from engines.test_cache import ON, run, why
from engines.test_drift_checks import check
from engines.test_tuning_run import tuning
from engines.transforms import FILES, model, transform

# What a container with a program of its own writes for Model Monitor.
MONITOR = """
import json
out = "/opt/ml/processing/output/"
for name in ("statistics", "constraints"):
    open(f"{out}{name}.json", "w").write(json.dumps({"features": []}))
"""


def test_a_tuning_is_not_searched_again(place: Place) -> None:
    step = tuning(place, jobs=2) | {"CacheConfig": ON}
    first, again = run(place, step), run(place, step)
    assert (first.status, why(again, "Tune")[:3]) == ("Succeeded", "hit")
    assert again.steps["Tune"].output == first.steps["Tune"].output
    assert place.engine.logs(again.steps["Tune"])
    wider = tuning(place, jobs=3) | {"CacheConfig": ON}
    assert "ResourceLimits.MaxNumberOfTrainingJobs differs" in why(run(place, wider), "Tune")


def test_a_transform_by_a_model_that_is_there_is_not_run_again(place: Place) -> None:
    made = run(place, model(place.put_archive("model.tar.gz", FILES)))
    rows = place.put("in/a.csv", "1,2\n")
    step = transform(rows, model_name=place.output(made, "M")["ModelName"]) | {"CacheConfig": ON}
    run(place, step)
    assert why(run(place, step), "T")[:3] == "hit"
    place.put_archive("model.tar.gz", FILES | {"factor": "3"})
    assert "input s3://bucket/model.tar.gz has other content" in why(run(place, step), "T")
    assert place.text("out/a.csv.out") == "3.0,6.0\n"


def test_a_model_of_the_same_run_has_a_new_name_each_time(place: Place) -> None:
    """So it is on the service (aws/sagemaker-python-sdk#3392)."""
    steps = model(place.put_archive("model.tar.gz", FILES)), transform(place.put("in/a.csv", "1,2\n"))
    steps[1]["CacheConfig"] = ON
    run(place, *steps)
    assert why(run(place, *steps), "T").startswith("miss: ModelName differs from execution")


def test_a_check_counts_with_its_baseline(place: Place) -> None:
    def step(**more: Any) -> dict[str, Any]:
        uri = place.put("code/main.py", MONITOR)
        made = check(data=place.put("data.csv", "x\n1\n2\n"), CacheConfig=ON, **more)
        made["Arguments"]["AppSpecification"] = {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/main.py"],
        }
        place_of = {
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "LocalPath": "/opt/ml/processing/code",
            "S3Uri": uri,
        }
        made["Arguments"]["ProcessingInputs"].append({"InputName": "code", "S3Input": place_of})
        return made

    baseline = {"SuppliedBaselineConstraints": place.put("b/c.json", '{"features": []}'),
                "SuppliedBaselineStatistics": place.put("b/s.json", '{"features": []}')}  # fmt: skip
    first = run(place, step(**baseline))
    again = run(place, step(**baseline))
    assert (first.status, why(again, "Check")[:3]) == ("Succeeded", "hit")
    assert again.steps["Check"].metadata == first.steps["Check"].metadata
    place.put("b/c.json", '{"features": [], "version": 0.0}')
    assert "input s3://bucket/b/c.json has other content" in why(run(place, step(**baseline)), "Check")
    milder = run(place, step(**baseline, FailOnViolation=False))
    assert "FailOnViolation differs" in why(milder, "Check")
