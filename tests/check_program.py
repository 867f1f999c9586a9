#!/usr/bin/env python3
"""Runs a program and checks that it ends as the comments in its source say.

    // ARGS: a b            arguments
    // ENV: NAME=value      environment, one per line
    // EXPECT-EXIT: 3       exit code, or a signal's name (SIGABRT), or `nonzero`; without it: 0
    // EXPECT-STDOUT: text  standard output contains this, after the text of the line before
    // EXPECT-STDERR: text  the same for standard error

With --transcript FILE, standard output must equal that file.
"""

import argparse
import difflib
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys


def directives(source, name):
    pattern = re.compile(rf"^\s*//\s*{name}:[ ]?(.*?)\s*$", re.MULTILINE)
    return pattern.findall(source.read_text())


def exit_name(code):
    return signal.Signals(-code).name if code < 0 else str(code)


def missing(kind, expected, actual):
    """The first expected text that does not follow the one before it."""
    position = 0
    for text in expected:
        found = actual.find(text, position)
        if found < 0:
            before = " after the line before it" if text in actual else ""
            yield f"{kind} lacks{before}: {text}"
            return
        position = found + len(text)


def problems(source, result, transcript):
    expected_exit = (directives(source, "EXPECT-EXIT") or ["0"])[-1]
    actual_exit = exit_name(result.returncode)
    if expected_exit == "nonzero":
        if result.returncode == 0:
            yield "exit code 0, expected another one"
    elif actual_exit != expected_exit:
        yield f"exit code {actual_exit}, expected {expected_exit}"
    yield from missing("standard output", directives(source, "EXPECT-STDOUT"), result.stdout)
    yield from missing("standard error", directives(source, "EXPECT-STDERR"), result.stderr)
    if transcript is not None:
        if not transcript.exists():
            yield f"there is no {transcript.name} beside {source.name}"
            return
        expected = transcript.read_text()
        if result.stdout != expected:
            difference = difflib.unified_diff(
                expected.splitlines(), result.stdout.splitlines(), transcript.name, "printed",
                lineterm="")
            yield "the transcript differs:\n" + "\n".join(difference)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("program")
    parser.add_argument("--transcript", type=pathlib.Path)
    options = parser.parse_args()

    arguments = [word for line in directives(options.source, "ARGS") for word in shlex.split(line)]
    environment = dict(line.split("=", 1) for line in directives(options.source, "ENV"))
    result = subprocess.run(
        [options.program, *arguments], env=os.environ | environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace")

    found = list(problems(options.source, result, options.transcript))
    if found:
        print(f"{options.source}:")
        for problem in found:
            print(f"  {problem}")
        print(f"--- standard output\n{result.stdout}--- standard error\n{result.stderr}---")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
