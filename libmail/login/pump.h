// pump(): after a login under TLS the front carries octets between the client and the session,
// which speaks plainly on its end of a socket pair. Ends when the session has closed and all it
// wrote is sent, or when the client has gone and the session has ended after it.
#pragma once

#include "libmail/base/file_descriptor.h"
#include "libmail/net/transport.h"

namespace mail::login {

void pump(net::Transport& client, const FileDescriptor& session);

}  // namespace mail::login
