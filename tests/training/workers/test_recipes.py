"""The recipes in the guide on several machines: what they make of a scheduler's variables, with stand-ins for it."""

import json
import os
import re
import subprocess
from pathlib import Path

import yaml

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "scaling.md"
DETECT = 'echo "$TF_CONFIG"; echo "$@"; exit ${CODE:-0}'


def block(language: str) -> str:
    """Return the first block of code in a language."""
    found = re.search(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def run(folder: Path, script: str, commands: dict[str, str], **variables: str) -> tuple[int, list[str]]:
    """Run a script with stand-ins for some commands, and return its exit code and the lines that it wrote."""
    for name, body in {"detect": DETECT, **commands}.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **variables}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_the_pods_of_an_indexed_job_find_each_other(tmp_path):
    service, job = yaml.safe_load_all(block("yaml"))
    template = job["spec"]["template"]["spec"]
    (container,) = template["containers"]
    assert template["subdomain"] == service["metadata"]["name"] == job["metadata"]["name"]
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(container["env"][0]["value"])
    variables = {"WORKERS": "4", "JOB_COMPLETION_INDEX": "2"}
    code, (config, arguments) = run(tmp_path, container["args"][0], {}, **variables)
    hosts = [f"detect-{index}.detect:2222" for index in range(4)]
    assert json.loads(config) == {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": 2}}
    assert arguments.startswith("train --data ")
    assert code == 0


def test_slurm_starts_a_job_again_that_has_lost_a_worker(tmp_path):
    scontrol = 'if [ "$1" = show ]; then printf "%s\\n" a b; else echo "$@"; fi'
    srun = 'shift; SLURM_PROCID=1 exec "$@"'
    variables = {"SLURM_JOB_NODELIST": "[a-b]", "SLURM_JOB_ID": "7"}
    for exit_code in (0, 75):
        stands = {"scontrol": scontrol, "srun": srun}
        code, lines = run(tmp_path, block("bash"), stands, CODE=str(exit_code), **variables)
        expected = {"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 1}}
        assert json.loads(lines[0]) == expected
        assert lines[2:] == (["requeue 7"] if exit_code else [])
        assert code == exit_code
