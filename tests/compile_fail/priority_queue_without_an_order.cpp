// EXPECT: give them an operator<, or the queue a Compare
#include <asyncio/asyncio.hpp>

struct job {
    int urgency = 0;
};

asyncio::priority_queue<job> jobs;
