// become(): gives this process the rights of one account and no others; after it nothing that the
// process does can be more than that account may (DESIGN.md section 3, role "recipient").
//
// As root: gid and uid of the account, and no other group than its primary one, as Postfix has it.
// An account with uid 0 keeps uid 0 and loses every capability, in all sets and for every program
// it may start. As an ordinary user there is only oneself: any account of the password file belongs
// to this uid.
#pragma once

#include "libmail/auth/authenticator.h"
#include "libmail/base/result.h"

namespace mail::local {

Result<void> become(const auth::Identity& identity);

// Takes all capabilities from this process and what it starts, for good.
Result<void> drop_capabilities();

}  // namespace mail::local
