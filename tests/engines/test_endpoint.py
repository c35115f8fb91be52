"""Scripts that call AWS, in real jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from engines.place import IMAGE, Place

from dagwright.engines.local.endpoint.door import Endpoint
from dagwright.engines.local.scope import Account
from dagwright.project import EnvironmentRule

BOTO = "import boto3\nfrom botocore.exceptions import ClientError\n"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:ask"


def refused(call: str) -> str:
    return f"try:\n    {call}\n    error = 'none'\nexcept Exception as failure:\n    error = str(failure)\n"


def test_a_script_reads_with_boto3_and_the_next_step_gets_what_it_uploads(
    place_with: Callable[..., Place], each_way: str
) -> None:
    place = place_with(sandbox=each_way)
    source = place.put("raw/abalone.csv", "sex,rings\nM,15\n")
    fetch = place.processing(
        "Fetch",
        BOTO + "import urllib.parse, io\n"
        "bucket, _, key = os.environ['SOURCE'].removeprefix('s3://').partition('/')\n"
        "s3 = boto3.resource('s3')\n"
        "s3.Bucket(bucket).download_file(key, '/tmp/abalone.csv')\n"
        "text = open('/tmp/abalone.csv').read()\n"
        "s3.Object('bucket', 'prepared/train ä.csv').put(Body=text.encode())\n"
        "boto3.client('s3').upload_fileobj(io.BytesIO(b'x' * (9 << 20)), 'bucket', 'prepared/large.bin')\n",
        outputs={"unused": "s3://bucket/prepared"},
        variables={"SOURCE": source},
    )
    read = place.writing(
        "Read",
        "folder = ML + '/processing/in'\n"
        "write('seen', {name: os.path.getsize(f'{folder}/{name}') for name in os.listdir(folder)})\n",
        inputs={"in": "s3://bucket/prepared"},
        depends_on=["Fetch"],
    )
    execution = place.run(fetch, read)
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.json("Read/seen") == {"train ä.csv": 15, "large.bin": 9 << 20}


def test_a_download_of_what_is_not_there_fails_with_its_address(place: Place) -> None:
    script = BOTO + "boto3.client('s3').download_file('theirs', 'raw/a.csv', '/tmp/a.csv')"
    reason = place.run(place.processing("Fetch", script)).steps["Fetch"].failure_reason
    assert "(404)" in reason
    assert reason.endswith(
        "; s3://theirs/raw/a.csv is not in the local store: --map s3://theirs/raw/a.csv=PATH brings it"
    )


def test_an_object_that_is_asked_for_in_vain_is_no_reason_for_another_failure(place: Place) -> None:
    script = BOTO + refused("boto3.client('s3').head_object(Bucket='theirs', Key='a')") + "raise ValueError('mine')"
    reason = place.run(place.processing("Fetch", script)).steps["Fetch"].failure_reason
    assert reason == "AlgorithmError: ValueError: mine, exit code 1"


def test_a_handler_that_finds_no_object_fails_with_its_address(place_with: Callable[..., Place]) -> None:
    place = place_with(lambdas={"ask": "ask.py:handler"})
    (place.folder / "ask.py").write_text(
        "import boto3\ndef handler(event, context):\n    boto3.client('s3').get_object(Bucket='theirs', Key='a.json')\n"
    )
    execution = place.run({"Name": "Ask", "Type": "Lambda", "FunctionArn": FUNCTION, "Arguments": {}})
    assert "s3://theirs/a.json is not in the local store" in execution.steps["Ask"].failure_reason


def test_what_a_step_declares_as_output_is_there_for_boto3(place: Place) -> None:
    write = place.writing("Write", "write('a.json', {'auc': 0.9})")
    read = place.writing(
        "Read",
        BOTO + "body = boto3.client('s3').get_object(Bucket='bucket', Key='Write/a.json')['Body']\n"
        "write('seen', json.load(body))",
        depends_on=["Write"],
    )
    execution = place.run(write, read)
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.json("Read/seen") == {"auc": 0.9}


def test_a_handler_of_a_lambda_step_calls_aws_as_well(place_with: Callable[..., Place]) -> None:
    place = place_with(lambdas={"ask": "ask.py:handler"})
    (place.folder / "ask.py").write_text(
        "import boto3\n"
        "def handler(event, context):\n"
        "    boto3.client('s3').put_object(Bucket='bucket', Key='said', Body=b'hello')\n"
        "    return {'account': boto3.client('sts').get_caller_identity()['Account']}\n"
    )
    step = {"Name": "Ask", "Type": "Lambda", "FunctionArn": FUNCTION, "Arguments": {}}
    step["OutputParameters"] = [{"OutputName": "account", "OutputType": "String"}]
    execution = place.run(step)
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("said") == "hello"
    assert place.output(execution, "Ask")["OutputParameters"] == {"account": "000000000000"}


def test_a_script_can_ask_for_the_job_of_an_earlier_step(place: Place) -> None:
    train = place.training("Train", "print('auc: 0.75')\nopen(ML + '/model/m', 'w').write('x')")
    read = place.writing(
        "Read",
        BOTO + "sagemaker = boto3.client('sagemaker')\n"
        "job = sagemaker.describe_training_job(TrainingJobName=os.environ['JOB'])\n"
        "write('seen', [job['TrainingJobStatus'], job['ModelArtifacts'], job['CreationTime'].year > 2000])",
        variables={"JOB": {"Get": "Steps.Train.TrainingJobName"}},
    )
    execution = place.run(train, read)
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.json("Read/seen") == ["Completed", place.output(execution, "Train")["ModelArtifacts"], True]
    assert not [note for note in place.watcher.notes if "moto" in note]


def test_other_services_are_mocks_or_refused_and_the_run_says_which_once(place: Place) -> None:
    script = (
        "boto3.client('ssm').put_parameter(Name='/a', Value='1', Type='String')\n"
        "write('value', boto3.client('ssm').get_parameter(Name='/a')['Parameter']['Value'])\n"
        + refused("boto3.client('translate').list_languages()")
        + "write('error', error)\n"
    )
    execution = place.run(place.writing("Ask", BOTO + script))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("Ask/value") == "1"
    said = "(NotImplemented) when calling the ListLanguages operation: a local run does not answer ListLanguages"
    assert said in place.text("Ask/error")
    said_of_services = [note for note in place.watcher.notes if "a script called" in note]
    assert said_of_services == [
        "a script called ssm: moto answered, a mock in memory; nothing of it is real",
        "a script called translate, which nothing here answers: ListLanguages was refused",
    ]


@pytest.mark.parametrize(
    "client",
    [
        "boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com')",
        "boto3.Session(region_name='eu-central-1').client('sts')",
    ],
)
def test_no_client_reaches_aws_itself(place: Place, client: str) -> None:
    script = BOTO + f"write('seen', {client}.get_caller_identity()['Account'])"
    execution = place.run(place.writing("Ask", script))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("Ask/seen") == "000000000000"


@pytest.mark.parametrize(
    "client",
    [
        "boto3.client('s3', config=Config(signature_version=UNSIGNED))",
        "boto3.client('s3', aws_access_key_id='AKIAIOSFODNN7EXAMPLE', aws_secret_access_key='none')",
        "boto3.client('s3', endpoint_url='https://s3.us-east-1.amazonaws.com')",
        "boto3.client('s3', config=Config(s3={'addressing_style': 'virtual'}))",
    ],
)
def test_a_script_may_say_otherwise_whom_it_calls_and_how(place: Place, client: str) -> None:
    place.put("public.csv", "1,2")
    script = (
        "from botocore import UNSIGNED\nfrom botocore.config import Config\n"
        f"s3 = {client}\n"
        "write('seen', s3.get_object(Bucket='bucket', Key='public.csv')['Body'].read().decode())"
    )
    execution = place.run(place.writing("Ask", BOTO + script))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("Ask/seen") == "1,2"


def test_an_isolated_job_has_neither_endpoint_nor_credentials(place: Place) -> None:
    script = BOTO + refused("boto3.client('s3', region_name='us-east-1').list_buckets()")
    script += "write('seen', [error, sorted(name for name in os.environ if name.startswith('AWS_'))])"
    execution = place.run(place.writing("Ask", script, isolated=True))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.json("Ask/seen") == ["Unable to locate credentials", ["AWS_EC2_METADATA_DISABLED"]]


def test_variables_of_the_request_win_and_the_machines_own_credentials_stay_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_PROFILE", "real")
    monkeypatch.setenv("NO_PROXY", "intranet")
    script = "write('seen', {n: v for n, v in os.environ.items() if n.startswith('AWS_') or n == 'NO_PROXY'})"
    execution = place.run(place.writing("Ask", script, variables={"AWS_DEFAULT_REGION": "eu-west-3"}))
    assert execution.status == "Succeeded", execution.failure_reason
    seen = place.json("Ask/seen")
    assert seen["AWS_DEFAULT_REGION"] == "eu-west-3"
    assert seen["AWS_REGION"] == "us-east-1"
    assert seen["NO_PROXY"] == "intranet,127.0.0.1"
    assert "real" not in seen.values()
    assert "AWS_PROFILE" not in seen


def test_the_customization_of_an_environment_still_runs(place: Place, tmp_path: Path) -> None:
    site, hook = tmp_path / "site", tmp_path / "hook"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import os, sys\nsys.path.append('/added')\nos.environ['OWN'] = 'yes'\n")
    endpoint = Endpoint(place.engine.home, "execution", Account(), print)
    with endpoint:
        endpoint.equip(hook)
    told = "import os, sys, botocore.args; print(os.environ['OWN'], '/added' in sys.path, sys.path[1])"
    variables = {"PYTHONPATH": f"{hook}:{site}", "DAGWRIGHT_ENDPOINT": "http://127.0.0.1:1/X"}
    done = subprocess.run([sys.executable, "-c", told], env=variables, capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["yes", "True", str(hook)], "")


@pytest.fixture
def hook(place: Place, tmp_path: Path) -> Path:
    """A folder with what goes into a job."""
    with Endpoint(place.engine.home, "execution", Account(), print) as endpoint:
        endpoint.equip(tmp_path / "hook")
    return tmp_path / "hook"


def asked(program: str, *path: Path) -> str:
    """What a Python says that has these folders on its path, and the endpoint at http://127.0.0.1:1/X."""
    variables = {"PYTHONPATH": os.pathsep.join(map(str, path)), "DAGWRIGHT_ENDPOINT": "http://127.0.0.1:1/X"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout.strip()


CLIENT = (
    "import boto3; words = {'aws_access_key_id': 'a', 'aws_secret_access_key': 'b'}\n"
    "print(boto3.client('s3', 'eu-west-1', **words).meta.endpoint_url)"
)


@pytest.mark.parametrize(
    "before",
    [
        "import os; os.environ.clear()\n",
        "import sys; sys.path = [path for path in sys.path if 'hook' not in path]\n",
        "import os; os.environ['AWS_ENDPOINT_URL'] = 'https://s3.eu-west-1.api.aws'\n",
    ],
)
def test_a_program_may_do_what_it_likes_to_its_environment(hook: Path, before: str) -> None:
    assert asked(before + CLIENT, hook) == "http://127.0.0.1:1/X"


def test_the_hook_runs_once_by_whatever_names_its_folder_is_found(hook: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(hook)
    count = "import sys; print([getattr(each, '__name__', '') for each in sys.meta_path].count('_Finder'))"
    assert asked(count, hook, tmp_path / "other", hook) == "1"


def test_a_botocore_in_a_zip_file_is_led_here_alone_of_all_that_lie_there(hook: Path, tmp_path: Path) -> None:
    files = {"__init__": "", "other": "", "args": "import botocore.other\nclass ClientArgsCreator: pass\n"}
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        for name, text in files.items():
            packed.writestr(f"botocore/{name}.py", text)
    assert asked("import botocore.args, botocore.other; print('well')", hook, tmp_path / "all.zip") == "well"


def test_nothing_is_started_when_nobody_calls(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr(Endpoint, "_start", started.append)
    execution = place.run(place.writing("A", "write('seen', os.environ['AWS_ENDPOINT_URL'])"))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("A/seen").startswith("http://127.0.0.1:")
    assert started == []


def test_a_server_that_cannot_start_is_a_refused_connection_and_a_word(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagwright.engines.local.endpoint.door._PROGRAM", "raise SystemExit(1)")
    script = BOTO + "from botocore.config import Config\n"
    script += refused("boto3.client('s3', config=Config(retries={'max_attempts': 0})).list_buckets()")
    execution = place.run(place.writing("Ask", script + "write('seen', error)"))
    assert execution.status == "Succeeded", execution.failure_reason
    assert "the process that answers scripts that call AWS has ended; was there enough memory?" in place.watcher.notes


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_nothing_is_left_running_when_the_run_is_killed(tmp_path: Path, each_way: str) -> None:
    """The job says that it has called, and waits for an answer that nobody gives."""
    program = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        sys.path[:0] = {[path for path in sys.path if path]!r}
        from engines.place import Place
        place = Place(Path({str(tmp_path)!r}), {each_way!r})
        script = '''
        import boto3, time
        boto3.client("s3").put_object(Bucket="bucket", Key="called", Body=b"1")
        print("called", flush=True)
        time.sleep(600)
        '''.replace("\\n        ", "\\n")
        place.run(place.processing("A", script))
    """)
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    try:
        called = tmp_path / ".dagwright/s3/bucket/called"
        wait_for(called.exists)
        (server,) = children_of(run.pid, "endpoint.server")
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    wait_for(lambda: not os.path.exists(f"/proc/{server}"))


@pytest.mark.image
@pytest.mark.parametrize("version", ["1.26.165", "1.20.54"])
def test_a_boto3_that_knows_nothing_of_the_variable_is_led_here(place_with: Callable[..., Place], version: str) -> None:
    """AWS_ENDPOINT_URL is read since 1.28."""
    requirements = "environment.txt"
    place = place_with(environments=(EnvironmentRule(IMAGE, requirements=requirements, python="3.9"),))
    (place.folder / requirements).write_text(f"boto3=={version}\ns3fs==0.4.2\n")
    place.put("a.csv", "1,2")
    script = BOTO + (
        "import botocore, io, s3fs\n"
        "s3 = boto3.client('s3')\n"
        "s3.upload_fileobj(io.BytesIO(b'x' * (9 << 20)), 'bucket', 'large')\n"
        "sts = boto3.client('sts', endpoint_url='https://sts.amazonaws.com')\n"
        "virtual = boto3.client('s3', config=botocore.config.Config(s3={'addressing_style': 'virtual'}))\n"
        "write('seen', [boto3.__version__, s3.get_object(Bucket='bucket', Key='a.csv')['Body'].read().decode(),\n"
        "    s3.head_object(Bucket='bucket', Key='large')['ContentLength'], sts.get_caller_identity()['Account'],\n"
        "    virtual.head_object(Bucket='bucket', Key='a.csv')['ContentLength'],\n"
        "    s3fs.S3FileSystem().open('bucket/a.csv').read().decode()])\n"
    )
    execution = place.run(place.writing("Old", script))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.json("Old/seen") == [version, "1,2", 9 << 20, "000000000000", 3, "1,2"]


def wait_for(condition: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "nothing has come of it after 30 s"
        time.sleep(0.01)


def children_of(process: int, words: str) -> list[int]:
    """Children whose command line holds these words, whichever thread has started them."""
    lists = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
    found = [int(word) for each in lists for word in each.split()]
    return [each for each in found if words in Path(f"/proc/{each}/cmdline").read_text()]
