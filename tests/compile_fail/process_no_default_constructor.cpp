// The other process makes the value before it reads it.
// EXPECT: this type needs a default constructor to be sent to another process
#include <asyncio/process_pool.hpp>

struct celsius {
    explicit celsius(double d) : degrees(d) {}
    double degrees;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(degrees);
    }
};

double kelvin(const celsius& c) { return c.degrees + 273.15; }

double app(asyncio::process_pool_executor& pool) {
    return pool.submit(kelvin, celsius(20)).result();
}
