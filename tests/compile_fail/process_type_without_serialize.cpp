// Nobody has said how to send this type; the message names it.
// EXPECT: this type cannot be sent to another process: give it template <class Archive> void
// serialize EXPECT: socket_handle
#include <asyncio/process_pool.hpp>

class socket_handle {
   public:
    explicit socket_handle(int number) : number_(number) {}
    int number() const { return number_; }

   private:
    int number_;
};

int use(const socket_handle& s) { return s.number(); }

int app(asyncio::process_pool_executor& pool, const socket_handle& s) {
    return pool.submit(use, s).result();
}
