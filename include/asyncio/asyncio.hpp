// asyncio for C++: everything but testing.
#pragma once

#include "asyncio/app/run.hpp"
#include "asyncio/compose/as_completed.hpp"
#include "asyncio/compose/gather.hpp"
#include "asyncio/compose/shield.hpp"
#include "asyncio/compose/sleep.hpp"
#include "asyncio/compose/task_group.hpp"
#include "asyncio/compose/timeout.hpp"
#include "asyncio/compose/wait.hpp"
#include "asyncio/compose/wait_for.hpp"
#include "asyncio/compose/with.hpp"
#include "asyncio/executor/run_coroutine_threadsafe.hpp"
#include "asyncio/executor/thread_pool_executor.hpp"
#include "asyncio/executor/to_thread.hpp"
