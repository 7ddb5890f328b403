// Packets over a SOCK_SEQPACKET socket: at most kMaxPacket octets and one descriptor each.
//
// Errors: Timeout at the deadline, Closed at end of file or when the peer is gone, Syntax for a
// packet that is longer than allowed or carries more than one descriptor (all are closed).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

#include "libmail/base/clock.h"
#include "libmail/base/file_descriptor.h"
#include "libmail/base/result.h"

namespace mail::local {

inline constexpr std::size_t kMaxPacket = 4096;

struct Packet {
  std::string octets;
  FileDescriptor descriptor;  // close-on-exec; not open when none came
};

// `attach`: a descriptor to send along, -1 for none.
Result<void> send_packet(const FileDescriptor& socket, std::string_view octets, int attach = -1);
Result<Packet> receive_packet(const FileDescriptor& socket, MonotonicTime deadline);

struct PacketPair {
  FileDescriptor ours;
  FileDescriptor theirs;
};
Result<PacketPair> make_packet_pair();
// While a listener's backlog is full: a login of a new user and a RCPT wait with it.
inline constexpr std::chrono::seconds kConnectLimit{3};
// Unavailable where nobody listens, or does not take the connection within `limit` (above 0).
Result<FileDescriptor> connect_packet_socket(const std::string& path,
                                             std::chrono::seconds limit = kConnectLimit);
// uid of the process that connected (SO_PEERCRED).
Result<uid_t> peer_uid(const FileDescriptor& socket);

}  // namespace mail::local
