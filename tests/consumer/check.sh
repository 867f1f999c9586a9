#!/usr/bin/env bash
# Installs the library, static and shared, and builds projects that use it with strict warnings: by
# find_package and by pkg-config, with both compilers, and by add_subdirectory. And a test program
# for each test framework.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/build/consumer
compilers=(g++ clang++-19)
strict=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
# What others turn on besides. CMake takes our headers for the system's, for which it is not meant.
stricter=("${strict[@]}" -O2 -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
    -Wsign-conversion -Wnull-dereference -Wcast-align -Wdouble-promotion -Wformat=2)
if command -v ccache >/dev/null; then
    # `./dev run` compiles the same in another folder.
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_NOHASHDIR=1
fi

say() { printf -- '--- %s\n' "$*"; }

# quietly COMMAND...: shows the output only when the command fails
quietly() {
    local log
    log=$("$@" 2>&1) || {
        printf '%s\n' "$log" "failed: $*"
        exit 1
    }
}

# each FUNCTION WORD...: calls the function with each of the words, at the same time
each() {
    local function=$1 word job jobs=() status=0
    shift
    for word; do
        "$function" "$word" &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do wait "$job" || status=1; done
    return "$status"
}

# cmake_consumer FOLDER COMPILER NAME [DEFINITION...]: configures, builds and runs one project
cmake_consumer() {
    local folder=$1 compiler=$2 name=$3
    local -n warnings=strict
    if [[ $folder == add_subdirectory ]]; then local -n warnings=stricter; fi
    shift 3
    say "$name, $compiler"
    quietly cmake -S "$here/$folder" -B "$work/$name-$compiler" -G Ninja \
        -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="${warnings[*]}" "$@"
    quietly cmake --build "$work/$name-$compiler"
    quietly "$work/$name-$compiler/consumer"
}

# Uses what was installed last.
installed_consumer() {
    local compiler=$1 program=$work/pkg-config-$linkage-$1
    cmake_consumer find_package "$compiler" "find_package-$linkage" -DCMAKE_PREFIX_PATH="$prefix"
    say "pkg-config-$linkage, $compiler"
    quietly "$compiler" -std=c++20 "${strict[@]}" "$here"/*.cpp "${flags[@]}" -o "$program"
    quietly env LD_LIBRARY_PATH="$(dirname "$pc")" "$program"
}

rm -rf "$work"
for linkage in static shared; do
    shared=OFF build_type=Debug unity=OFF
    # This one is compiled as `./dev run` does it, the other file by file.
    if [[ $linkage == shared ]]; then shared=ON build_type=RelWithDebInfo unity=ON; fi
    say "installing the $linkage library"
    quietly cmake -S "$root" -B "$work/$linkage" -G Ninja -DBUILD_SHARED_LIBS="$shared" \
        -DASYNCIO_BUILD_TESTS=OFF -DASYNCIO_BUILD_EXAMPLES=OFF -DCMAKE_BUILD_TYPE="$build_type" \
        -DCMAKE_UNITY_BUILD="$unity" \
        -DCMAKE_INSTALL_PREFIX="$work/unmoved"
    quietly cmake --build "$work/$linkage"
    quietly cmake --install "$work/$linkage"
    prefix=$work/prefix-$linkage
    mv "$work/unmoved" "$prefix" # an installed tree can be moved

    pc=$(dirname "$(find "$prefix" -name asyncio.pc)")
    flags=()
    eval "flags=($(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs asyncio))" # it quotes spaces
    each installed_consumer "${compilers[@]}"
done

flags=()
pc=$(dirname "$(find "$work/prefix-static" -name asyncio.pc)")
eval "flags=($(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs asyncio))"

say "what a program does not use is not in it"
quietly g++ -std=c++20 "$root/examples/readme/hello.cpp" "${flags[@]}" -o "$work/hello"
if nm -C "$work/hello" |
    grep -E ' [TW] (operator new\(unsigned long\)|asyncio::detail::sim_new)'; then
    echo "the testing room is linked into a program that does not test: see above"
    exit 1
fi

say "a program for a sanitizer has no warnings, and works with the library as it is"
sanitized_program() {
    local sanitizer=$1 program=$work/sanitized-$1
    quietly g++ -std=c++20 -O2 "${strict[@]}" "-fsanitize=$sanitizer" -I "$root/tests" \
        "$root/tests/hazards/warnings.cpp" "${flags[@]}" -o "$program"
    quietly "$program"
}
each sanitized_program address address,undefined thread

# Tests of three frameworks, which simulate: a failure there is a failure here.
framework_program() {
    local framework=$1 libraries=()
    say "$framework"
    if [[ $framework == gtest ]]; then libraries=(-lgtest); fi
    quietly g++ -std=c++20 "${strict[@]}" "$here/frameworks/$framework.cpp" "${libraries[@]}" \
        "${flags[@]}" -o "$work/$framework"
    quietly "$work/$framework"
}
each framework_program gtest catch2 doctest

cmake_consumer add_subdirectory g++ add_subdirectory -DASYNCIO_SOURCE="$root" \
    -DCMAKE_UNITY_BUILD=ON
say "every consumer works"
