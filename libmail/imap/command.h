// Commands of IMAP4rev1 (RFC 3501 section 6) and extensions, as the parser gives them to a session.
// They own their strings. Mailbox names are UTF-8 with '/'.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "libmail/imap/sequence_set.h"
#include "libmail/store/types.h"

namespace mail::imap {

struct Capability {};
struct Noop {};
struct Logout {};
struct StartTls {};
struct Authenticate {
  std::string mechanism;                        // upper case
  std::optional<std::string> initial_response;  // SASL-IR (RFC 4959): base64 or "=", as sent
};
struct Login {
  std::string user;
  std::string password;
};
struct Id {  // RFC 2971
  std::vector<std::pair<std::string, std::optional<std::string>>> parameters;
};
struct Enable {                           // RFC 5161
  std::vector<std::string> capabilities;  // upper case
};
struct Select {
  std::string mailbox;
  bool read_only = false;  // EXAMINE
  bool condstore = false;  // RFC 7162 section 3.1.8
};
struct Create {
  std::string mailbox;  // a trailing '/' (RFC 3501 section 6.3.3) is taken off
};
struct Delete {
  std::string mailbox;
};
struct Rename {
  std::string from;
  std::string to;
};
struct Subscribe {
  std::string mailbox;
  bool on = true;  // false: UNSUBSCRIBE
};
struct List {
  std::string reference;
  std::vector<std::string> patterns;  // as UTF-8, with wildcards
  bool subscribed_only = false;       // LSUB, or LIST (SUBSCRIBED)
  bool is_lsub = false;               // answered as LSUB
  bool special_use_only = false;      // RFC 6154 section 2
  bool recursive_match = false;       // RFC 5258
  bool return_subscribed = false;
  bool return_children = false;
  std::vector<std::string> return_status;  // RFC 5819: items
};
struct Namespace {};  // RFC 2342
struct Status {
  std::string mailbox;
  std::vector<std::string> items;  // upper case, known ones
};
struct Append {
  std::string mailbox;
  store::Flags flags;
  std::optional<WallTime> internal_date;
};
struct Idle {};  // RFC 2177
struct Check {};
struct Close {};
struct Unselect {};  // RFC 3691
struct Expunge {
  std::optional<SequenceSet> uids;  // UID EXPUNGE (RFC 4315)
};

// What BODY[...] names (RFC 3501 section 6.4.5).
struct Section {
  enum class What : std::uint8_t { All, Header, HeaderFields, HeaderFieldsNot, Text, Mime };
  std::vector<std::uint32_t> part;  // 1.2.3; empty: the message
  What what = What::All;
  std::vector<std::string> fields;
};
struct FetchItem {
  enum class Kind : std::uint8_t {
    Flags,
    Uid,
    InternalDate,
    Rfc822Size,
    Envelope,
    Body,           // without extension data
    BodyStructure,  // with it
    BodySection,
    Rfc822,
    Rfc822Header,
    Rfc822Text,
    ModSeq,  // RFC 7162
  };
  Kind kind{};
  Section section;
  bool peek = false;
  std::optional<std::uint64_t> origin;  // <origin.count>
  std::uint64_t count = 0;
};
struct Fetch {
  SequenceSet set;
  bool by_uid = false;
  std::vector<FetchItem> items;
  std::optional<std::uint64_t> changed_since;  // RFC 7162
};
struct Store {
  SequenceSet set;
  bool by_uid = false;
  enum class Mode : std::uint8_t { Replace, Add, Remove } mode = Mode::Replace;
  bool silent = false;
  store::Flags flags;
  std::optional<std::uint64_t> unchanged_since;  // RFC 7162
};
struct Copy {
  SequenceSet set;
  bool by_uid = false;
  std::string mailbox;
  bool move = false;  // RFC 6851
};

struct SearchKey {
  enum class Kind : std::uint8_t {
    All,
    And,  // of children
    Or,   // of two children
    Not,  // of one child
    Sequence,
    Uid,
    FlagSet,  // flag, and `old`/`recent` below
    Keyword,  // text
    Recent,   // \Recent; NEW = RECENT UNSEEN, OLD = NOT RECENT
    Header,   // field, text (empty: the field is there)
    Body,
    Text,
    Before,  // internal date, by date
    On,
    Since,
    SentBefore,  // Date: field
    SentOn,
    SentSince,
    Larger,  // number
    Smaller,
    ModSeq,  // RFC 7162: number
    Older,   // RFC 5032: seconds in number
    Younger,
  };
  Kind kind = Kind::All;
  std::string field;
  std::string text;  // UTF-8 once the session has converted it
  store::Flag flag{};
  std::uint64_t number = 0;
  std::chrono::year_month_day date{};
  SequenceSet set;
  std::vector<SearchKey> children;
};
struct Search {
  bool by_uid = false;
  std::optional<std::string> charset;
  SearchKey key;
  bool extended = false;  // RETURN given (RFC 4731): answer ESEARCH
  bool return_min = false;
  bool return_max = false;
  bool return_all = false;
  bool return_count = false;
};

using Command =
    std::variant<Capability, Noop, Logout, StartTls, Authenticate, Login, Id, Enable, Select,
                 Create, Delete, Rename, Subscribe, List, Namespace, Status, Append, Idle, Check,
                 Close, Unselect, Expunge, Fetch, Store, Copy, Search>;

}  // namespace mail::imap
