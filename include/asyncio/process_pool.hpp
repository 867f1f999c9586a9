// Processes for work that needs a core. Beside the umbrella, because it needs cereal, the
// serialiser (libcereal-dev), and the time to compile that.
#pragma once

#include "asyncio/executor/process_map.hpp"
#include "asyncio/executor/process_pool_executor.hpp"
