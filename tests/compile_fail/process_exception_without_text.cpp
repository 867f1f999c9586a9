// An exception that cannot be made again.
// EXPECT: an exception needs a constructor that takes its text
#include <asyncio/process_pool.hpp>
#include <exception>

class lost : public std::exception {
   public:
    explicit lost(int where) : where_(where) {}

   private:
    int where_;
};

void app() { asyncio::register_exception<lost>(); }
