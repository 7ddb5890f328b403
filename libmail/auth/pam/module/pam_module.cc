// One login through PAM: authenticate, account management, credentials. No PAM session: DESIGN.md
// section 3. The delay after a failure is ours, so PAM's is taken away.
#include <security/pam_appl.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "libmail/auth/pam/module_interface.h"

namespace {

void forget(pam_response* responses, int count) {
  for (int at = 0; at < count; ++at) {
    if (responses[at].resp == nullptr) continue;
    ::explicit_bzero(responses[at].resp, std::strlen(responses[at].resp));
    std::free(responses[at].resp);
  }
  std::free(responses);
}

// Answers every question with the password (PAM asks for it without echo); shows nothing.
int converse(int count, const pam_message** messages, pam_response** responses, void* password) {
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  auto* answers = static_cast<pam_response*>(
      std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
  if (answers == nullptr) return PAM_BUF_ERR;
  for (int at = 0; at < count; ++at) {
    const int style = messages[at]->msg_style;
    if (style != PAM_PROMPT_ECHO_OFF) {
      if (style != PAM_PROMPT_ECHO_ON) continue;
      forget(answers, count);  // a question we have no answer to
      return PAM_CONV_ERR;
    }
    answers[at].resp = ::strdup(static_cast<const char*>(password));
    if (answers[at].resp == nullptr) {
      forget(answers, count);
      return PAM_BUF_ERR;
    }
  }
  if (responses == nullptr) {  // modules that only show something may pass none (pam_matrix)
    forget(answers, count);
  } else {
    *responses = answers;
  }
  return PAM_SUCCESS;
}

void no_delay(int /*result*/, unsigned /*microseconds*/, void* /*data*/) {}

// "Denied" is said only to those who have shown the right password: before that it would tell which
// accounts exist.
tubepost_pam_result classify(int result, bool is_authenticated) {
  switch (result) {
    case PAM_SUCCESS:
      return TUBEPOST_PAM_OK;
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN:
    case PAM_MAXTRIES:
    case PAM_CRED_INSUFFICIENT:
    case PAM_ACCT_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_CRED_EXPIRED:
    case PAM_PERM_DENIED:
      return is_authenticated ? TUBEPOST_PAM_DENIED : TUBEPOST_PAM_BAD_CREDENTIALS;
    default:
      return TUBEPOST_PAM_UNAVAILABLE;
  }
}

tubepost_pam_result check(const char* service, const char* user, const char* password,
                          const char* peer, char* canonical, size_t canonical_size, char* why,
                          size_t why_size) {
  const pam_conv conversation{converse, const_cast<char*>(password)};
  pam_handle_t* handle = nullptr;
  int result = ::pam_start(service, user, &conversation, &handle);
  const char* step = "start";
  bool is_authenticated = false;
  if (result == PAM_SUCCESS) {
    using Delay = void (*)(int, unsigned, void*);
    const Delay delay = no_delay;
    static_cast<void>(::pam_set_item(handle, PAM_FAIL_DELAY, reinterpret_cast<const void*>(delay)));
    if (*peer != '\0') static_cast<void>(::pam_set_item(handle, PAM_RHOST, peer));
    static_cast<void>(::pam_set_item(handle, PAM_TTY, "tubepost"));
    step = "authenticate";
    result = ::pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  }
  if (result == PAM_SUCCESS) {
    is_authenticated = true;
    step = "account";
    result = ::pam_acct_mgmt(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  }
  if (result == PAM_SUCCESS) {
    step = "setcred";
    result = ::pam_setcred(handle, PAM_ESTABLISH_CRED | PAM_SILENT);
  }
  const void* name = nullptr;
  if (result == PAM_SUCCESS && ::pam_get_item(handle, PAM_USER, &name) == PAM_SUCCESS &&
      name != nullptr) {
    std::snprintf(canonical, canonical_size, "%s", static_cast<const char*>(name));
  }
  std::snprintf(why, why_size, "pam %s: %s", step, ::pam_strerror(handle, result));
  if (handle != nullptr) ::pam_end(handle, result);
  return classify(result, is_authenticated);
}

const tubepost_pam kModule = {TUBEPOST_PAM_INTERFACE, check};

}  // namespace

__attribute__((visibility("default"))) const tubepost_pam* tubepost_pam_module(void) {
  return &kModule;
}
