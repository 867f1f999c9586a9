#!/usr/bin/env python3
"""Writes the expected transcripts by asking CPython.

    regenerate.py            writes <topic>.expected for every topic, and the table in README.md
    regenerate.py --check    changes nothing; exits 1 if a file is not what CPython says

Needs CPython 3.12 or later: the interpreter that runs this file, else $PYTHON, else one found in PATH or among pyenv's.
Without one, says so and exits 0. Scenarios that the interpreter is too old for keep the transcript they have.
"""

import difflib
import glob
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST = (3, 12)
LAST_STATEMENT = 164
VERSION = "import sys; print(*sys.version_info[:3], sep='.') if sys.implementation.name == 'cpython' else sys.exit(1)"


def version_of(python):
    """(3, 13, 0), or None for what does not run or is not CPython."""
    try:
        answer = subprocess.run([python, "-c", VERSION], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return tuple(map(int, answer.strip().split(".")))


def find_python():
    """The first interpreter that is new enough: (path, version), or None."""
    names = [f"python3.{minor}" for minor in range(13, 30)] + ["python3.12", "python3"]
    candidates = [sys.executable, os.environ.get("PYTHON"), *map(shutil.which, names)]
    candidates += sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")), reverse=True)
    for python in filter(None, candidates):
        version = version_of(python)
        if version and version >= OLDEST:
            return python, version
    return None


def topics():
    return [p for p in sorted(HERE.glob("*.py")) if p.stem not in ("oracle", "regenerate")]


def sections(transcript):
    """{header: text with the header}"""
    return {part.split("\n", 1)[0]: part for part in re.split(r"(?m)^(?=== )", transcript) if part}


def ask(python, topic):
    """What CPython prints for a topic; scenarios that it is too old for keep their old transcript."""
    ran = subprocess.run([python, topic.name], cwd=HERE, capture_output=True, text=True, timeout=300)
    if ran.returncode:
        sys.exit(f"{topic.name} failed:\n{ran.stderr}")
    known = sections(expected_file(topic).read_text()) if expected_file(topic).exists() else {}
    played = sections(ran.stdout)
    too_old = set(re.findall(r"(?m)^cannot play: (.*)$", ran.stderr))
    transcript = ""
    for header in headers(topic):
        if header in too_old:
            print(f"{topic.stem}: {header} needs a later CPython, its transcript is not checked")
            transcript += known.get(header, "")
        else:
            transcript += played[header]
    return transcript


def headers(topic):
    """The headers of the scenarios of a topic, in the order of the file."""
    names = re.findall(r"(?m)^def scenario_(\w+)\(", topic.read_text())
    return ["== " + name.replace("_", " ") for name in names]


def expected_file(topic):
    return topic.with_suffix(".expected")


def number(statement):
    return int(statement[1:])


def table(transcripts):
    """Which statement is proven where, as Markdown."""
    where = {}
    for topic, transcript in transcripts.items():
        for header, text in sections(transcript).items():
            for statement in re.findall(r"\bS\d+\b", header):
                title = re.sub(r"^== (S\d+ )+", "", header)
                where.setdefault(statement, []).append((topic.stem, title, "# differs" in text))
    lines = [f"{len(where)} statements, {sum(map(len, where.values()))} scenarios.", ""]
    lines += ["| statement | topic | scenarios | differs from CPython |", "| --- | --- | --- | --- |"]
    for statement in sorted(where, key=number):
        rows = where[statement]
        titles = "; ".join(title for _, title, _ in rows)
        differs = "yes" if any(differs for _, _, differs in rows) else ""
        lines.append(f"| {statement} | {', '.join(sorted({topic for topic, _, _ in rows}))} | {titles} | {differs} |")
    missing = [f"S{n}" for n in range(1, LAST_STATEMENT + 1) if f"S{n}" not in where]
    lines += ["", "Without a scenario: " + ", ".join(missing) + "."]
    return "\n".join(lines)


def with_table(readme, table):
    begin, end = "<!-- begin table -->", "<!-- end table -->"
    head, rest = readme.split(begin)
    return f"{head}{begin}\n\n{table}\n\n{end}{rest.split(end)[1]}"


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    found = find_python()
    if not found:
        print(f"no CPython {OLDEST[0]}.{OLDEST[1]} or later here: the expected transcripts stay as they are")
        return 0
    python, version = found
    print("asking CPython " + ".".join(map(str, version)))

    transcripts = {topic: ask(python, topic) for topic in topics()}
    wanted = {expected_file(topic): transcript for topic, transcript in transcripts.items()}
    wanted[HERE / "README.md"] = with_table((HERE / "README.md").read_text(), table(transcripts))

    wrong = 0
    for path, text in wanted.items():
        present = path.read_text() if path.exists() else ""
        if present == text:
            continue
        wrong += 1
        if check:
            lines = difflib.unified_diff(present.splitlines(), text.splitlines(), path.name, "CPython", lineterm="")
            print("\n".join(lines))
        else:
            path.write_text(text)
            print("wrote", path.name)
    print(f"{len(transcripts)} transcripts, {wrong} {'wrong' if check else 'changed'}")
    return 1 if check and wrong else 0


if __name__ == "__main__":
    sys.exit(main())
