// Apart from routes.cc: the login servers need the names and no table's library.
#include "cmd/common/routes.h"

namespace mail::cmd {

auth::LoginNames login_names(const config::Configuration& config) {
  auth::LoginNames names;
  names.domains = config.postfix().get_list("mydestination");
  names.domains.push_back(config.postfix().get_string("mydomain"));
  names.domains.push_back(config.postfix().get_string("myorigin"));
  return names;
}

}  // namespace mail::cmd
