// Signals of a server: SIGPIPE ignored, SIGTERM a farewell (serve.h). Installed without SA_RESTART,
// so that a blocked read comes back and the session can say good-bye.
#pragma once

namespace mail::net {

void install_signal_handlers();
// A front keeps serving whatever its unit's stop sends (DESIGN.md section 3).
void ignore_termination();
// In a forked child: what the parent was told does not count for it.
void forget_termination();
bool termination_requested();

}  // namespace mail::net
