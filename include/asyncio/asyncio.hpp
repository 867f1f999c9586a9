// asyncio for C++: everything but testing.
#pragma once

#include "asyncio/app/run.hpp"
#include "asyncio/compose/sleep.hpp"
