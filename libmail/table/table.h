// Lookup tables as Postfix names them, `type:name`: one way from a key to a value.
//
//   texthash:FILE        text file "key white space value", read whole at open
//   cdb:FILE             FILE.cdb, a constant database
//   hash: btree: lmdb: dbm:FILE   FILE.cdb where newaliases made one, else the text file FILE
//   static:VALUE         every key has VALUE
//   inline:{ k=v, ... }  the pairs in the braces
//   unix:passwd.byname, unix:group.byname   the system's accounts and groups
//   proxy:TYPE:NAME      the same as TYPE:NAME
//   regexp:FILE, pcre:FILE   patterns; see pattern_table.h
//   fail:REASON          every look-up fails ("later")
//
// Keys are matched without regard to ASCII case (patterns: by their flags). A table is opened by
// each process anew, so an edit holds from the next connection (DESIGN.md section 2). Other types
// (ldap, mysql, nis, ...) are Unsupported errors; config reports them when the file is read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "libmail/base/result.h"

namespace mail::table {

class Table {
 public:
  Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  virtual ~Table() = default;
  // The value; nothing where the key is not in the table; an error means "later".
  virtual Result<std::optional<std::string>> find(std::string_view key) = 0;
  // Whether it matches patterns: then only the whole key is looked up, never a parent domain or the
  // local part alone, as the pattern sees to that itself.
  [[nodiscard]] virtual bool has_patterns() const { return false; }
};

// Whether parts of the key may stand in the value (regexp:, pcre:). Forbidden where the value may
// name a command or a file: whoever chose the key is a stranger.
enum class Substitution { Allow, Forbid };

struct Spec {
  std::string type;  // "hash"; "proxy:" is taken off
  std::string name;  // "/etc/aliases"
};
// nullopt: not of the form type:name (a plain word, a path, an IPv6 address).
std::optional<Spec> parse_spec(std::string_view text);
bool is_supported(std::string_view type);
// Types whose source a person edits as a text file (texthash, hash, btree, cdb, lmdb, dbm).
bool is_file_type(std::string_view type);

Result<std::unique_ptr<Table>> open(const Spec& spec,
                                    Substitution substitution = Substitution::Allow);
Result<std::unique_ptr<Table>> open(std::string_view spec);

}  // namespace mail::table
