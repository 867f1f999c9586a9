#!/usr/bin/env python3
"""Checks that a mistake does not compile, and that the compiler's first lines name the fix.

Each file holds one mistake and says what the reader must see within the first 20 lines:

    // EXPECT: text        every compiler
    // EXPECT-GCC: text    g++ only
    // EXPECT-CLANG: text  clang only
    // FLAGS: -O2          further flags, for a warning that needs them

Warnings count as errors, as in projects that use the library. Files are checked in parallel:

    tests/compile_fail/check.py [--compiler clang++-19] [FILE...]
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FIRST_LINES = 20


def directives(text, name):
    return re.findall(rf"^\s*//\s*{name}:[ ]?(.*?)\s*$", text, re.MULTILINE)


def is_clang(compiler):
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    return "clang" in version.stdout


def command(options):
    return [options.compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-I",
            str(options.include)]


def problem(source, options, clang):
    """What is wrong with this file, or nothing."""
    text = source.read_text()
    expected = directives(text, "EXPECT")
    expected += directives(text, "EXPECT-CLANG" if clang else "EXPECT-GCC")
    if not expected:
        return "no // EXPECT: line: say which words of the message name the fix"

    flags = [word for line in directives(text, "FLAGS") for word in line.split()]
    # What was precompiled with other flags would not be used.
    if options.precompiled and not flags:
        flags = ["-include", str(options.precompiled)]
    result = subprocess.run([*command(options), *flags, "-c", str(source), "-o", os.devnull],
                            capture_output=True, text=True, errors="replace",
                            env=os.environ | {"LC_ALL": "C"})
    if result.returncode == 0:
        return "it compiles, but it must not"

    lines = result.stderr.splitlines()
    first = "\n".join(lines[:FIRST_LINES])
    absent = [words for words in expected if words not in first]
    if not absent:
        return None
    late = [words for words in absent if words in result.stderr]
    report = [f"the first {FIRST_LINES} lines do not say: {words}" for words in absent]
    report += [f"(it comes later: {words})" for words in late]
    return "\n".join([*report, *(f"  | {line}" for line in lines[:2 * FIRST_LINES])])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiler", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--include", type=pathlib.Path, default=HERE.parents[1] / "include")
    parser.add_argument("--precompiled", type=pathlib.Path, metavar="HEADER",
                        help="every file includes it first; HEADER.gch is what --precompile made")
    parser.add_argument("--precompile", action="store_true")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    options = parser.parse_args()

    if options.precompile:
        return subprocess.run([*command(options), "-x", "c++-header", str(options.precompiled),
                               "-o", f"{options.precompiled}.gch"]).returncode
    files = options.files or sorted(HERE.glob("*.cpp"))
    clang = is_clang(options.compiler)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda f: problem(f, options, clang), files)
        failed = [(file, what) for file, what in zip(files, results) if what]
    for file, what in failed:
        print(f"{file}: {what}")
    print(f"{len(files) - len(failed)} of {len(files)} mistakes are refused with the right message")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
