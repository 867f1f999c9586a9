// EXPECT-STDERR: Task was destroyed but it is pending!
// EXPECT-STDERR:   task: left
// EXPECT-STDERR: waits for a sleep
#include <asyncio/asyncio.hpp>

int main() {
    const auto loop = asyncio::new_event_loop();
    (void)loop->create_task(asyncio::sleep(std::chrono::hours(1)),
                            asyncio::task_options{.name = "left"});
    loop->run_ready();
    loop->close();
}
