// run_command(): gives a message to a command of a user, as that user (this process already is it).
//
// The command gets the From_ line, the fields of delivery and the message on descriptor 0; default
// signals, umask 077, the home as directory, an environment of its own (docs/local-delivery.md).
// It is executed without a shell when it is nothing but plain words. Its exit status is read as
// sysexits(3), EX_TEMPFAIL (75) and a death by signal meaning "later"; what it printed becomes the
// text, an enhanced status at its beginning included. It is killed at command_time_limit.
// Commands are run at least once: nobody can know whether a killed one had done its work.
#pragma once

#include "libmail/auth/authenticator.h"
#include "libmail/local/conversation.h"
#include "libmail/local/settings.h"

namespace mail::local {

Verdict run_command(const Settings& settings, const auth::Identity& identity,
                    const std::string& command, const Delivery& delivery,
                    const FileDescriptor& message);

// Whether the shell is needed: anything but plain words, or a word of its own as the first.
bool needs_shell(std::string_view command);
// What an exit status says, with the text a command printed (may be empty).
Verdict verdict_of_exit(int exit_status, std::string_view output);

}  // namespace mail::local
