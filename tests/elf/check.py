#!/usr/bin/env python3
"""Links a program that calls into other processes in every way that there is, and runs it.

    tests/elf/check.py --compiler g++ --include include --library build/dev/libasyncio.a
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--include", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--libs", nargs="*", default=[])
    options = parser.parse_args()

    def run(*command):
        subprocess.run([str(word) for word in command], check=True, timeout=50)

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def compiled(source, output, *flags):
            run(options.compiler, *FLAGS, "-I", options.include, "-I", HERE.parent, *flags, "-c",
                HERE / source, "-o", folder / output)
            return folder / output

        def linked(name, *words):
            run(options.compiler, "-pthread", *words, options.library,
                *(f"-l{lib}" for lib in options.libs), "-o", folder / name)
            return folder / name

        program = compiled("program.cpp", "program.o", "-fPIE")
        with_plugin = compiled("program.cpp", "with_plugin.o", "-fPIE", "-DLINKED_WITH_PLUGIN")
        loaded = compiled("loaded.cpp", "loaded.o", "-fPIE")
        plugin_code = compiled("plugin.cpp", "plugin.o", "-fPIC")
        plugin = folder / "libplugin.so"
        run(options.compiler, "-shared", plugin_code, "-o", plugin)

        stripped = linked("stripped", "-pie", program)
        run("strip", "--strip-all", stripped)
        for file in [linked("pie", "-pie", program),
                     linked("no_pie", "-no-pie", program),
                     linked("static", "-static", program),
                     linked("static_pie", "-static-pie", program),
                     linked("no_build_id", "-pie", "-Wl,--build-id=none", program),
                     stripped,
                     linked("shared", "-pie", "-rdynamic", with_plugin, plugin,
                            f"-Wl,-rpath,{folder}")]:
            run(file)
            print(f"{file.name}: ok")
        run(linked("loaded", "-pie", "-rdynamic", loaded), plugin)
        print("loaded: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
