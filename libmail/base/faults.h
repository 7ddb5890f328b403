// Fault injection at the system calls of sys.h. Compiled in with TUBEPOST_FAULTS only; otherwise
// point() is an empty inline function.
//
// A plan comes from faults::arm() in a unit test, or from the environment of a program under test:
//
//   TUBEPOST_FAULT=CALL:N:ACTION[,CALL:N:ACTION]...
//
// CALL is the system call's name, of like ones the plain one's (read for pread, write for pwrite,
// fsync for fdatasync, stat for lstat and fstat); opendir and getdents read directories; * is
// any. N counts its calls from 1 (or N+ for this and every later one), ACTION is an errno name
// (ENOSPC, EDQUOT, EIO, EACCES, EMFILE, EINTR, EAGAIN), `short` (a write does half and says so),
// `kill` (SIGKILL before the call), `torn` (a write does half, then SIGKILL), `after` (the call is
// made, then SIGKILL). A run with N beyond the last call injects nothing: tests count up until
// then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace mail::faults {

enum class Action : std::uint8_t { None, Errno, Short, Kill, Torn, After };
struct Decision {
  Action action = Action::None;
  int error_number = 0;
};

#ifdef TUBEPOST_FAULTS
Decision point(std::string_view call);
void after(const Decision& decision);  // performs After
[[noreturn]] void kill_now();
// Replaces the plan and restarts the counts; "" disarms. Returns false when it cannot be read.
bool arm(std::string_view plan);
std::size_t calls_seen();  // calls counted since arm()
std::size_t calls_seen(std::string_view call);
// Instead of SIGKILL, throw Killed: for tests that "die" inside their own process.
struct Killed {};
void kill_by_throwing(bool on);
// Called before each call: for tests that watch what is written. Empty: nobody.
void observe(std::function<void(std::string_view call)> observer);
#else
inline Decision point(std::string_view) { return {}; }
inline void after(const Decision&) {}
#endif

}  // namespace mail::faults
