// Dovecot's filters: sections whose settings hold for some connections only.
//
//   protocol NAME { }     protocol !NAME { }
//   local NETWORK { }     by the address of ours that the client came to
//   local_name HOST { }   by the name the client asked for (SNI); *.HOST too
//   remote NETWORK { }    by the client's address
//
// Of several that hold, local goes before local_name, that before remote, that before protocol, a
// longer network before a shorter one; of equal ones the first in the files. (Dovecot refuses such
// a connection where they differ and none lies within the other.) Any goes before what stands
// outside, wherever in the file.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mail::config {

// Who is served; what is empty or not known fits no filter.
struct Connection {
  std::string protocol;  // "imap", "pop3", "lmtp", "lda"
  std::string local_address, remote_address;
  std::string local_name;
};

// Of `sections` (Configuration's: parent path and name) the filters that hold for the connection,
// the most special first, as the beginnings of paths: "local/10.0.0.0\s8/protocol/imap/".
std::vector<std::string> filters_for(
    const std::vector<std::pair<std::string, std::string>>& sections, const Connection& connection);

// A section's name as the file has it: "\s" in our paths is its '/'.
std::string section_name(std::string_view step);

// Whether `address` is in "ADDRESS/BITS ADDRESS ..."; bits beyond BITS do not count. The number of
// bits plus one, 0 for no.
unsigned match_networks(std::string_view networks, std::string_view address);

// "10.1.2.3/8" is 10.0.0.0/8 to Dovecot. What is no network stays as it is.
std::string mask_network(std::string_view network);

}  // namespace mail::config
