"""Runs inside a job: gives an event to a command and writes down what it answers. Imports nothing of the project.

python host.py EVENT.json RESULT.json FOLDER WORD [WORD ...]    the event is its standard input, the answer its output
python host.py EVENT.json RESULT.json --answer FILE.json        the answer is there already
"""

import json
import subprocess
import sys


def answer_of(event: bytes, folder: str, words: "list[str]") -> "dict[str, object]":
    if folder == "--answer":
        with open(words[0], "rb") as file:
            return _read(file.read(), words[0])
    try:
        done = subprocess.run(words, cwd=folder, input=event, stdout=subprocess.PIPE, check=False)
    except OSError as error:
        return {"error": f"{words[0]} cannot be run: {error.strerror}"}
    if done.returncode:
        return {"error": f"{words[0]} ended with exit code {done.returncode}"}
    return _read(done.stdout, f"what {words[0]} prints")


def _read(content: bytes, what: str) -> "dict[str, object]":
    if not content.strip():
        return {"answer": None}
    try:
        answer = json.loads(content)
        json.dumps(answer, allow_nan=False)
    except (ValueError, RecursionError) as error:
        return {"error": f"{what} is no JSON: {error}"}
    return {"answer": answer}


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as event_file:
        given = event_file.read()
    result = answer_of(given, sys.argv[3], sys.argv[4:])
    if "error" in result:
        sys.stderr.write(f"{result['error']}\n")
    with open(sys.argv[2], "w", encoding="utf-8") as result_file:
        json.dump(result, result_file)
