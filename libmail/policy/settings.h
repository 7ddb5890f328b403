// Settings of recipient decisions, with their names in main.cf. Lists are as written; tables in
// them are opened by RecipientPolicy.
#pragma once

#include <string>
#include <vector>

namespace mail::policy {

struct Settings {
  std::string myorigin = "localhost";
  std::vector<std::string> mydestination;
  std::vector<std::string> relay_domains;
  std::vector<std::string> mynetworks;
  std::vector<std::string> inet_interfaces = {"all"};
  std::vector<std::string> proxy_interfaces;
  int unknown_local_recipient_reject_code = 550;
  bool permit_sender_unauthenticated = true;  // false: submission, AUTH first
};

}  // namespace mail::policy
