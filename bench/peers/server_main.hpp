// What the servers of the peers have in common: their command line, and what they answer over HTTP.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

constexpr std::string_view http_answer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

/// Says how a server is called if it is called otherwise.
inline bool check_server_arguments(int argc, char** argv) {
    if (argc != 4) std::fprintf(stderr, "usage: %s PORT echo|http|timeout READ_SIZE\n", argv[0]);
    return argc == 4;
}

/// Runs a Server(port, mode, read_size) as the command line says.
template <class Server>
int server_main(int argc, char** argv) {
    if (!check_server_arguments(argc, argv)) return 2;
    Server(std::atoi(argv[1]), argv[2], std::strtoul(argv[3], nullptr, 10)).run();
    return 0;
}
