/* The C interface of tubepost-pam.so. */
#pragma once

#include <stddef.h>

// NOLINTBEGIN(readability-identifier-naming): names of a C interface are not in a namespace
#ifdef __cplusplus
extern "C" {
#endif

#define TUBEPOST_PAM_INTERFACE 1

enum tubepost_pam_result {
  TUBEPOST_PAM_OK = 0,
  TUBEPOST_PAM_BAD_CREDENTIALS = 1, /* unknown user or wrong password */
  TUBEPOST_PAM_DENIED = 2,          /* account expired, locked, or not now */
  TUBEPOST_PAM_UNAVAILABLE = 3,
};

struct tubepost_pam {
  unsigned version; /* TUBEPOST_PAM_INTERFACE */
  /* authenticate, account, setcred. `canonical` receives the account's name as PAM has it, `why` a
     text for the log; both are NUL-terminated and cut to their sizes. */
  enum tubepost_pam_result (*check)(const char* service, const char* user, const char* password,
                                    const char* peer, char* canonical, size_t canonical_size,
                                    char* why, size_t why_size);
};

const struct tubepost_pam* tubepost_pam_module(void);

#ifdef __cplusplus
}
#endif
// NOLINTEND(readability-identifier-naming)
