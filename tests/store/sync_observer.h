// Tells a test of each fsync and fdatasync of its program. Linux only, by the definitions in
// power_test.cc, which stand in place of the C library's.
#pragma once

#include <functional>

namespace mail::store {

// After each that succeeded. Null: nobody.
extern std::function<void(int fd)> sync_observer;

}  // namespace mail::store
