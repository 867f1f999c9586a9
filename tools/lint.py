#!/usr/bin/env python3
"""Checks the project's rules (see tools/floors.toml). Prints file:line: what, and the fix.

    includes   a room includes only itself and the rooms below; the system's headers are in src/sys
    headers    every header compiles alone
    format     the C++ is formatted as .clang-format says
    names      every public name has a docstring and occurs in a test
    text       sizes, no unfinished work, no sleeping tests, no co_await in a condition
    prose      links lead somewhere; the code in Markdown is code that compiles

    ./dev lint [CHECK...]
"""

import concurrent.futures
import fnmatch
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import tomllib

import cpp_names

ROOT = pathlib.Path(__file__).resolve().parents[1]
RULES = tomllib.loads((ROOT / "tools/floors.toml").read_text())
CACHE = ROOT / "build/lint"
SKIPPED = {".git", "build", ".cache", "__pycache__"}

used_exceptions = set()


def allowed(kind, name):
    """Whether floors.toml makes an exception for this name."""
    if name not in RULES["allow"][kind]:
        return False
    used_exceptions.add((kind, name))
    return True


class Project:
    """The files, each read once. Paths are relative to the root, as strings."""

    def __init__(self):
        self.text = {}
        for folder, folders, names in os.walk(ROOT):
            folders[:] = sorted(set(folders) - SKIPPED)
            for name in sorted(names):
                path = pathlib.Path(folder, name)
                if path.suffix in {".hpp", ".cpp", ".md", ".py", ".sh", ".txt", ".cmake", ".toml"}:
                    self.text[path.relative_to(ROOT).as_posix()] = path.read_text()

    def cpp(self, *folders):
        folders = folders or ("include", "src", "tests", "examples", "bench", "tools")
        return [path for path in self.text
                if path.endswith((".hpp", ".cpp")) and path.split("/")[0] in folders]

    def headers(self):
        return [path for path in self.cpp("include", "src") if path.endswith(".hpp")]

    def markdown(self):
        return [path for path in self.text if path.endswith(".md")]


def line_of(text, position):
    return text.count("\n", 0, position) + 1


# ---- includes ------------------------------------------------------------------------------------

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
UMBRELLAS = {"include/asyncio/asyncio.hpp", "include/asyncio/process_pool.hpp",
             "include/asyncio/testing.hpp"}
ABOVE_ALL = len(RULES["floors"])


def room_of(path):
    """The room of include/asyncio/<room>/... and src/<room>/..., else nothing."""
    match = re.match(r"(?:include/asyncio|src)/(\w+)/", path)
    return match and match[1]


def resolve(project, path, quote, target):
    """The project's file that an include means, else nothing."""
    places = [f"include/{target}", f"src/{target}"]
    if quote == '"':
        places.insert(0, os.path.normpath(f"{os.path.dirname(path)}/{target}"))
    return next((place for place in places if place in project.text), None)


def check_includes(project):
    floor = {room: number for number, room in enumerate(RULES["floors"])} | {"testing": ABOVE_ALL}
    for path in project.cpp("include", "src"):
        room = room_of(path)
        if room is None and path not in UMBRELLAS:
            yield path, 1, "lies in no room; move it into a folder that tools/floors.toml names"
            continue
        if room is not None and room not in floor:
            yield path, 1, f"the room {room} is unknown; name it in tools/floors.toml"
            continue
        text = project.text[path]
        for match in INCLUDE.finditer(text):
            quote, target = match.groups()
            line = line_of(text, match.start())
            found = resolve(project, path, quote, target)
            if found is None:
                is_os = any(fnmatch.fnmatch(target, pattern) for pattern in RULES["os_headers"])
                if quote == '"' or target.startswith("asyncio/"):
                    yield path, line, f"there is no {target}; correct the path"
                elif is_os and room != "sys" and not allowed("os_headers", path):
                    yield path, line, (f"<{target}> is the operating system's; move what needs it "
                                       "to src/sys and call that")
                continue
            other = room_of(found)
            if path.startswith("include/") and found.startswith("src/"):
                yield path, line, f"{target} is not installed; include public headers only"
            elif room is None:
                if path.endswith("/asyncio.hpp") and other == "testing":
                    yield path, line, "testing is not part of the umbrella; drop the include"
            elif other is None:
                yield path, line, f"{target} is for users; include the room's header that you need"
            elif floor[other] > floor[room]:
                yield path, line, (f"{room} includes {other}, which stands above it; move the code "
                                   "up or declare below what is defined above")


# ---- headers -------------------------------------------------------------------------------------

def compiler():
    return os.environ.get("CXX", "g++")


def syntax_only(*arguments, code=""):
    command = [compiler(), "-std=c++20", "-Wall", "-Wextra", "-fsyntax-only",
               "-I", ROOT / "include", "-I", ROOT / "src", *arguments, "-x", "c++", "-"]
    return subprocess.run(command, input=code, capture_output=True, text=True,
                          env=os.environ | {"LC_ALL": "C"})


def reachable(project, path):
    """The project's headers that this one includes, itself first."""
    found, queue = {path: None}, [path]
    while queue:
        current = queue.pop()
        for match in INCLUDE.finditer(project.text[current]):
            header = resolve(project, current, *match.groups())
            if header and header not in found:
                found[header] = None
                queue.append(header)
    return found


def check_header(project, path):
    digest = hashlib.sha256(compiler().encode())
    for header in reachable(project, path):
        digest.update(f"{header}\0{project.text[header]}\0".encode())
    stamp = CACHE / digest.hexdigest()
    if stamp.exists():
        return
    result = syntax_only("-include", ROOT / path)
    if result.returncode or result.stderr:
        first = next((line for line in result.stderr.splitlines() if "error" in line or
                      "warning" in line), result.stderr)
        yield path, 1, f"does not compile alone; include what it uses: {first}"
    else:
        stamp.touch()


def check_headers(project):
    CACHE.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda path: list(check_header(project, path)), project.headers()):
            yield from found


# ---- format --------------------------------------------------------------------------------------

def check_format(project):
    files, cores = project.cpp(), os.cpu_count()
    batches = [batch for batch in (files[core::cores] for core in range(cores)) if batch]

    def run(batch):
        return subprocess.run(["clang-format-19", "--dry-run", *batch], cwd=ROOT, text=True,
                              capture_output=True).stderr

    seen = set()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for output in pool.map(run, batches):
            for path, line in re.findall(r"^(\S+?):(\d+):\d+: ", output, re.MULTILINE):
                if path not in seen:
                    seen.add(path)
                    yield path, int(line), "is not formatted; run ./dev fmt"


# ---- names ---------------------------------------------------------------------------------------

def check_names(project):
    declarations = {}
    for path in project.cpp("include"):
        for declaration in cpp_names.declarations(project.text[path]):
            if "detail" not in declaration.scope and declaration.scope[:1] == ["asyncio"]:
                name = "::".join([*declaration.scope[1:], declaration.name])
                declarations.setdefault(name, []).append((path, declaration))
    words = set()
    for path in project.cpp("tests"):
        words.update(re.findall(r"\w+", project.text[path]))
    for name, places in declarations.items():
        path, declaration = places[0]
        if not any(place.documented for _, place in places) and not allowed("undocumented", name):
            yield path, declaration.line, f"{name} has no docstring; put a /// line directly above"
        if declaration.name not in words and not allowed("untested", name):
            yield path, declaration.line, f"{name} occurs in no test; write one under tests/"


# ---- text ----------------------------------------------------------------------------------------

UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")
SLEEPING = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(")
CONDITION = re.compile(r"\b(if|while|switch)\s*(?:constexpr\s*)?\(")


def awaiting_conditions(code):
    """Positions of the conditions that hold a co_await."""
    for match in CONDITION.finditer(code):
        depth, end = 1, match.end()
        while depth and end < len(code):
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
        if re.search(r"\bco_await\b", code[match.end():end]):
            yield match.start()


AWAIT_FIX = "co_await in a condition, which g++ 12 miscompiles; name its result first"


def check_text(project):
    limits = RULES["limits"]
    for path, text in project.text.items():
        lines = text.splitlines()
        is_cpp = path.endswith((".hpp", ".cpp"))
        limit = limits.get(path.split("/")[0]) if is_cpp else None
        if path.startswith("src/") and path.endswith(".hpp"):
            limit = limits["include"]
        if limit and len(lines) > limit and not allowed("lines", path):
            yield path, limit, f"{len(lines)} lines, at most {limit}; look for a second noun inside"
        for number, line in enumerate(lines, 1):
            columns = limits["python_columns" if path.endswith(".py") else "columns"]
            if len(line) > columns and not path.endswith(".md"):
                yield path, number, f"{len(line)} columns, at most {columns}; break it"
            if UNFINISHED.search(line):
                yield path, number, "unfinished work; finish it or leave it out"
        if not is_cpp:
            continue
        code = cpp_names.without_comments(text)
        for position in awaiting_conditions(code):
            if not allowed("co_await_in_condition", path):
                yield path, line_of(code, position), AWAIT_FIX
        if path.endswith("_test.cpp"):
            name = pathlib.Path(path).stem
            if f"\nnamespace {name} {{\n" not in text:
                yield path, 1, (
                    f"not in a namespace, though several files are compiled as one; open {name}")
        if path.startswith("tests/"):
            for match in SLEEPING.finditer(code):
                if not allowed("sleeping_tests", path):
                    yield path, line_of(code, match.start()), (
                        "a test that sleeps waits for luck; use a virtual clock or an event")


def check_version(project):
    """The version is written in CMakeLists.txt and in base/config.hpp."""
    cmake = re.search(r"VERSION (\d+)\.(\d+)\.(\d+)\n", project.text["CMakeLists.txt"])
    header = project.text.get("include/asyncio/base/config.hpp", "")
    for part, expected in zip(("MAJOR", "MINOR", "PATCH"), cmake.groups()):
        if not re.search(rf"#define ASYNCIO_VERSION_{part} {expected}\n", header):
            yield "include/asyncio/base/config.hpp", 1, (
                f"ASYNCIO_VERSION_{part} is not {expected} as in CMakeLists.txt; make them equal")


# ---- prose ---------------------------------------------------------------------------------------

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MARKER = re.compile(r"<!--\s*(\S+)\s*-->\s*\Z")


def anchors(text):
    """The names that GitHub gives to the headings."""
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(project, path, text):
    prose = FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in LINK.finditer(prose):
        target, _, anchor = match[1].partition("#")
        if re.match(r"\w+:", match[1]):
            continue
        file = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        line = line_of(prose, match.start())
        if not (ROOT / file).exists():
            yield path, line, f"the link leads nowhere: {target}; correct it"
        elif anchor and file in project.text and anchor not in anchors(project.text[file]):
            yield path, line, f"{file} has no heading #{anchor}; correct the link"


def contains(file, block):
    """Whether the block stands in the file, line for line, at any indentation."""
    lines, wanted = file.splitlines(), textwrap.dedent(block).rstrip().splitlines()
    for start in range(len(lines) - len(wanted) + 1):
        piece = textwrap.dedent("\n".join(lines[start:start + len(wanted)]))
        if piece.splitlines() == wanted:
            return True
    return False


def wrong_code(project, path, text):
    for match in FENCE.finditer(text):
        language, block = match.groups()
        line = line_of(text, match.start())
        if language != "cpp":
            continue
        for position in awaiting_conditions(cpp_names.without_comments(block)):
            yield path, line + line_of(block, position), AWAIT_FIX
        marker = MARKER.search(text, 0, match.start())
        if marker:
            source = marker[1]
            if source not in project.text:
                yield path, line, f"there is no {source}; correct the marker above the block"
            elif not contains(project.text[source], block):
                yield path, line, f"the block is not in {source}, line for line; copy it from there"
        elif "int main(" in block:
            result = syntax_only(code=block)
            if result.returncode:
                error = next((row for row in result.stderr.splitlines() if "error" in row), "")
                yield path, line, f"the block does not compile; correct it: {error}"
        else:
            yield path, line, ("code from nowhere; copy it from a compiled file and name that "
                               "above the block: <!-- examples/.../name.cpp -->")


def check_prose(project):
    for path in project.markdown():
        text = project.text[path]
        yield from broken_links(project, path, text)
        yield from wrong_code(project, path, text)


# --------------------------------------------------------------------------------------------------

CHECKS = {
    "includes": [check_includes],
    "headers": [check_headers],
    "format": [check_format],
    "names": [check_names],
    "text": [check_text, check_version],
    "prose": [check_prose],
}


def unneeded_exceptions():
    lines = (ROOT / "tools/floors.toml").read_text().splitlines()
    for kind, names in RULES["allow"].items():
        for name in names:
            if (kind, name) not in used_exceptions:
                line = next((i for i, row in enumerate(lines, 1) if name in row), 1)
                yield "tools/floors.toml", line, f"allow.{kind} need not name {name}; drop it"


def main(arguments):
    if any(name not in CHECKS for name in arguments):
        print(__doc__)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    project = Project()
    found = []
    for name in arguments or CHECKS:
        for check in CHECKS[name]:
            found += check(project)
    if not arguments:
        found += unneeded_exceptions()
    for path, line, what in sorted(found):
        print(f"{path}:{line}: {what}")
    print(f"lint: {len(found)} to fix" if found else "lint: clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
