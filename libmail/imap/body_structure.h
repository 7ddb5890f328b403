// ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 section 7.4.2) of what libmail/message has read.
#pragma once

#include <string>

#include "libmail/message/envelope.h"
#include "libmail/message/structure.h"

namespace mail::imap {

void put_envelope(std::string& out, const message::Envelope& envelope);
// `extended`: BODYSTRUCTURE, with extension data; else BODY.
void put_body(std::string& out, const message::Part& part, bool extended);

}  // namespace mail::imap
