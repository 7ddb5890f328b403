// Session: the commands about mailboxes (RFC 3501 section 6.3).
#include <algorithm>
#include <set>

#include "libmail/imap/mailbox_name.h"
#include "libmail/imap/response.h"
#include "libmail/imap/session.h"
#include "libmail/store/message_source.h"

namespace mail::imap {

namespace {

bool is_below(std::string_view name, std::string_view parent, char separator) {
  return name.size() > parent.size() && name.starts_with(parent) &&
         name[parent.size()] == separator;
}

// A separator that is a quoted-special needs its backslash (RFC 3501 section 9).
std::string quoted_separator(const SessionSettings& settings) {
  std::string text = "\"";
  if (settings.separator == '\\' || settings.separator == '"') text += '\\';
  return text + settings.separator + '"';
}

}  // namespace

Session::Reply Session::on(const Select& select) {
  // RFC 3501 section 6.3.1: even a failing SELECT leaves the mailbox selected before.
  if (selected_ && condstore_) out_ += "* OK [CLOSED] Previous mailbox is closed\r\n";  // RFC 7162
  leave_mailbox();
  if (select.condstore) enable_condstore();
  auto selected = TRY(Selected::open(store_, select.mailbox, select.read_only));
  selected->introduce(out_);
  selected_ = std::move(selected);
  return std::string(select.read_only ? "OK [READ-ONLY] Examine completed"
                                      : "OK [READ-WRITE] Select completed");
}

Session::Reply Session::on(const Create& create) {
  TRY(store_.create(create.mailbox));
  return std::string("OK Create completed");
}

Session::Reply Session::on(const Delete& command) {
  TRY(store_.remove(command.mailbox));
  return std::string("OK Delete completed");
}

// RFC 3501 section 6.3.5: renaming INBOX moves its messages and leaves an empty INBOX.
Session::Reply Session::on(const Rename& rename) {
  TRY(store_.rename(rename.from, rename.to));
  return std::string("OK Rename completed");
}

Session::Reply Session::on(const Subscribe& subscribe) {
  TRY(store_.subscribe(subscribe.mailbox, subscribe.on));
  return std::string(subscribe.on ? "OK Subscribe completed" : "OK Unsubscribe completed");
}

// Levels that are only the beginning of other names show as \Noselect (RFC 3501 section 6.3.8,
// "%").
Result<std::vector<store::MailboxName>> Session::list_with_parents() {
  auto names = TRY(store_.list());
  std::set<std::string, std::less<>> known;
  for (const auto& name : names) known.insert(name.name);
  std::vector<store::MailboxName> parents;
  for (const bool exists : {true, false}) {
    for (const auto& name : names) {
      if (name.exists != exists) continue;
      for (auto at = name.name.find(settings_.separator); at != std::string::npos;
           at = name.name.find(settings_.separator, at + 1)) {
        const std::string parent = name.name.substr(0, at);
        if (!known.insert(parent).second) continue;
        parents.push_back({parent, false, true, false, exists});
      }
    }
  }
  names.insert(names.end(), parents.begin(), parents.end());
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
    if ((a.name == "INBOX") != (b.name == "INBOX")) return a.name == "INBOX";
    return a.name < b.name;
  });
  return names;
}

void Session::put_list_line(const List& list, const store::MailboxName& name,
                            bool has_subscribed_child) {
  std::string attributes;
  const auto add = [&](std::string_view attribute) {
    if (!attributes.empty()) attributes += ' ';
    attributes += attribute;
  };
  if (!name.exists && !list.is_lsub) {
    add("\\NonExistent");  // RFC 5258 section 3: implies \Noselect
  } else if (!name.selectable && (name.exists || !name.subscribed)) {
    add("\\Noselect");
  }
  if (!list.is_lsub) {
    // RFC 3348 section 3: \HasNoChildren is redundant beside \Noinferiors.
    add(name.has_children        ? "\\HasChildren"
        : name.may_have_children ? "\\HasNoChildren"
                                 : "\\Noinferiors");
    if (list.return_subscribed && name.subscribed) add("\\Subscribed");
    for (const auto& [mailbox, attribute] : settings_.special_use) {
      if (mailbox == name.name) add(attribute);
    }
  }
  out_ += list.is_lsub ? "* LSUB (" : "* LIST (";
  out_ += attributes + ") " + quoted_separator(settings_) + ' ';
  put_mailbox(out_, name.name);
  if (has_subscribed_child) out_ += " (\"CHILDINFO\" (\"SUBSCRIBED\"))";  // RFC 5258 section 4
  out_ += "\r\n";
}

Session::Reply Session::on(const List& list) {
  const std::string done = list.is_lsub ? "OK Lsub completed" : "OK List completed";
  // RFC 3501 section 6.3.8: an empty pattern asks for separator and root of the reference.
  if (list.patterns.size() == 1 && list.patterns.front().empty()) {
    if (!list.is_lsub) out_ += "* LIST (\\Noselect) " + quoted_separator(settings_) + " \"\"\r\n";
    return done;
  }
  auto names = TRY(list_with_parents());
  const auto matches = [&](const std::string& name) {
    const std::string wire = encode_mailbox_name(name);
    return std::any_of(list.patterns.begin(), list.patterns.end(), [&](const auto& pattern) {
      return matches_pattern(wire, list.reference + pattern, settings_.separator);
    });
  };
  for (auto& name : names) {
    if (!matches(name.name) || (!name.exists && !list.subscribed_only)) continue;
    const bool is_special =
        std::any_of(settings_.special_use.begin(), settings_.special_use.end(),
                    [&](const auto& special) { return special.first == name.name; });
    if (list.special_use_only && !is_special) continue;
    bool shows_child = false;
    if (list.subscribed_only && (!name.subscribed || list.recursive_match)) {
      // LSUB "%" shows "a" for a subscribed "a/b" (section 6.3.9), as does RECURSIVEMATCH.
      shows_child = std::any_of(names.begin(), names.end(), [&](const auto& other) {
        return other.subscribed && is_below(other.name, name.name, settings_.separator) &&
               !matches(other.name);
      });
      if (!name.subscribed && !(shows_child && (list.is_lsub || list.recursive_match))) continue;
      if (list.is_lsub && !name.subscribed) name.selectable = false;
    }
    put_list_line(list, name, shows_child && list.recursive_match);
    if (!list.return_status.empty() && name.selectable) {
      // RFC 5819 section 2: a mailbox whose status is not to be had is listed without.
      static_cast<void>(put_status(name.name, list.return_status));
    }
  }
  return done;
}

Session::Reply Session::on(const Namespace&) {
  // RFC 2342 section 5: a string, never an atom.
  out_ += "* NAMESPACE ((\"" + encode_mailbox_name(settings_.prefix) + "\" " +
          quoted_separator(settings_) + ")) NIL NIL\r\n";
  return std::string("OK Namespace completed");
}

Result<void> Session::put_status(const std::string& mailbox,
                                 const std::vector<std::string>& items) {
  auto opened = TRY(store_.open(mailbox));
  const auto status = TRY(opened->status());
  std::uint64_t size = status.octets.value_or(0);
  if (!status.octets && std::find(items.begin(), items.end(), "SIZE") != items.end()) {
    const auto content = TRY(opened->since(store::ModSeq{}));
    for (const auto& info : content.messages) {
      const auto measure = opened->measure(info.uid);
      if (measure) size += measure->size;
      if (!measure && !store::concerns_one_message(measure.error())) return fail(measure.error());
    }
    static_cast<void>(opened->since(content.upto));  // remembers them
  }
  std::string line = "* STATUS ";
  put_mailbox(line, mailbox);
  line += " (";
  for (const auto& item : items) {
    if (line.back() != '(') line += ' ';
    line += item + ' ';
    if (item == "MESSAGES") line += std::to_string(status.messages);
    if (item == "RECENT") line += std::to_string(status.recent);
    if (item == "UNSEEN") line += std::to_string(status.unseen);
    if (item == "SIZE") line += std::to_string(size);
    if (item == "UIDNEXT") line += std::to_string(std::max(status.uid_next.value, 1U));
    if (item == "UIDVALIDITY") line += std::to_string(status.uid_validity.value);
    if (item == "HIGHESTMODSEQ") {
      enable_condstore();  // RFC 7162 section 3.1
      line += std::to_string(std::max<std::uint64_t>(status.highest_modseq.value, 1));
    }
    if (item == "MAILBOXID") line += '(' + status.mailbox_id + ')';
  }
  out_ += line + ")\r\n";
  return {};
}

Session::Reply Session::on(const Status& status) {
  TRY(put_status(status.mailbox, status.items));
  return std::string("OK Status completed");
}

}  // namespace mail::imap
