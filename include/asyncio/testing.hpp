// Deterministic simulation and faults for tests. Not part of the umbrella: tests include it.
#pragma once

#include "asyncio/testing/errors.hpp"
#include "asyncio/testing/everywhere.hpp"
#include "asyncio/testing/explore.hpp"
#include "asyncio/testing/interpose.hpp"
#include "asyncio/testing/network.hpp"
#include "asyncio/testing/simulate.hpp"
#include "asyncio/testing/simulation.hpp"
#include "asyncio/testing/trace.hpp"
