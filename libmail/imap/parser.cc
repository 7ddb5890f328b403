#include "libmail/imap/parser.h"

#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/imap/grammar.h"
#include "libmail/imap/mailbox_name.h"

namespace mail::imap {

namespace {

using Parse = Result<Command> (*)(Cursor&);

template <class T>
Result<Command> parse_nothing(Cursor&) {
  return Command{T{}};
}

// login = "LOGIN" SP userid SP password
Result<Command> parse_login(Cursor& in) {
  Login login;
  TRY(expect_space(in));
  login.user = TRY(parse_astring(in));
  TRY(expect_space(in));
  login.password = TRY(parse_astring(in));
  return Command{std::move(login)};
}

// authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")], RFC 4959 section 7
Result<Command> parse_authenticate(Cursor& in) {
  Authenticate command;
  TRY(expect_space(in));
  command.mechanism = ascii::to_upper(TRY(parse_atom(in)));
  if (in.consume(' ')) {
    const auto initial = in.take_while([](char c) { return ascii::is_visible(c); });
    if (initial.empty()) return fail(Errc::Syntax, "Initial response expected");
    command.initial_response = std::string(initial);
  }
  return Command{std::move(command)};
}

// id_params_list = "(" #(string SPACE nstring) ")" / nil, RFC 2971 section 4
Result<Command> parse_id(Cursor& in) {
  Id id;
  TRY(expect_space(in));
  if (in.consume_nocase("NIL")) return Command{std::move(id)};
  TRY(in.expect('('));
  while (!in.consume(')')) {
    if (id.parameters.size() >= 30) return fail(Errc::TooMany, "Too many parameters");  // RFC 2971
    if (!id.parameters.empty()) TRY(expect_space(in));
    std::string name = TRY(parse_string(in));
    TRY(expect_space(in));
    auto value = TRY(parse_nstring(in));
    id.parameters.emplace_back(std::move(name), std::move(value));
  }
  return Command{std::move(id)};
}

// enable = "ENABLE" 1*(SP capability), RFC 5161 section 4
Result<Command> parse_enable(Cursor& in) {
  Enable enable;
  do {
    TRY(expect_space(in));
    enable.capabilities.push_back(ascii::to_upper(TRY(parse_atom(in))));
  } while (in.peek_is(' '));
  return Command{std::move(enable)};
}

// select = "SELECT" SP mailbox [SP "(" select-param ")"], RFC 4466 section 2.1, RFC 7162
Result<Command> parse_select_or_examine(Cursor& in, bool read_only) {
  Select select;
  select.read_only = read_only;
  TRY(expect_space(in));
  select.mailbox = TRY(parse_mailbox(in));
  if (in.consume(" (")) {
    do {
      const std::string parameter = ascii::to_upper(TRY(parse_atom(in)));
      if (parameter != "CONDSTORE") return fail(Errc::Syntax, "Unknown parameter of SELECT");
      select.condstore = true;
    } while (in.consume(' '));
    TRY(in.expect(')'));
  }
  return Command{std::move(select)};
}
Result<Command> parse_select(Cursor& in) { return parse_select_or_examine(in, false); }
Result<Command> parse_examine(Cursor& in) { return parse_select_or_examine(in, true); }

Result<std::string> parse_mailbox_argument(Cursor& in) {
  TRY(expect_space(in));
  return parse_mailbox(in);
}

Result<Command> parse_create(Cursor& in) {
  return Command{Create{TRY(parse_mailbox_argument(in))}};
}
Result<Command> parse_delete(Cursor& in) {
  return Command{Delete{TRY(parse_mailbox_argument(in))}};
}
Result<Command> parse_rename(Cursor& in) {
  Rename rename;
  rename.from = TRY(parse_mailbox_argument(in));
  rename.to = TRY(parse_mailbox_argument(in));
  return Command{std::move(rename)};
}
Result<Command> parse_subscribe(Cursor& in) {
  return Command{Subscribe{TRY(parse_mailbox_argument(in)), true}};
}
Result<Command> parse_unsubscribe(Cursor& in) {
  return Command{Subscribe{TRY(parse_mailbox_argument(in)), false}};
}

// status-att, RFC 3501; HIGHESTMODSEQ of RFC 7162, SIZE of RFC 8438, MAILBOXID of RFC 8474
Result<std::vector<std::string>> parse_status_items(Cursor& in) {
  static constexpr std::array<std::string_view, 8> kItems{"MESSAGES",      "RECENT",   "UIDNEXT",
                                                          "UIDVALIDITY",   "UNSEEN",   "SIZE",
                                                          "HIGHESTMODSEQ", "MAILBOXID"};
  std::vector<std::string> items;
  TRY(in.expect('('));
  do {
    std::string item = ascii::to_upper(TRY(parse_atom(in)));
    if (std::find(kItems.begin(), kItems.end(), item) == kItems.end()) {
      return fail(Errc::Syntax, "Unknown status item");
    }
    if (std::find(items.begin(), items.end(), item) == items.end())
      items.push_back(std::move(item));
  } while (in.consume(' '));
  TRY(in.expect(')'));
  return items;
}

// status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
Result<Command> parse_status(Cursor& in) {
  Status status;
  status.mailbox = TRY(parse_mailbox_argument(in));
  TRY(expect_space(in));
  status.items = TRY(parse_status_items(in));
  return Command{std::move(status)};
}

// list-select-opts and list-return-opts, RFC 5258 section 6
Result<void> parse_list_selection(Cursor& in, List& list) {
  if (in.consume(')')) return {};
  do {
    const std::string option = ascii::to_upper(TRY(parse_atom(in)));
    if (option == "SUBSCRIBED") {
      list.subscribed_only = list.return_subscribed = true;
    } else if (option == "SPECIAL-USE") {
      list.special_use_only = true;
    } else if (option == "RECURSIVEMATCH") {
      list.recursive_match = true;
    } else if (option != "REMOTE") {
      return fail(Errc::Syntax, "Unknown selection option");
    }
  } while (in.consume(' '));
  TRY(in.expect(')'));
  if (list.recursive_match && !list.subscribed_only) {  // RFC 5258 section 3.1
    return fail(Errc::Syntax, "RECURSIVEMATCH needs a base selection option");
  }
  return {};
}

Result<void> parse_list_return(Cursor& in, List& list) {
  TRY(in.expect_nocase(" RETURN ("));
  if (in.consume(')')) return {};
  do {
    const std::string option = ascii::to_upper(TRY(parse_atom(in)));
    if (option == "SUBSCRIBED") {
      list.return_subscribed = true;
    } else if (option == "CHILDREN") {
      list.return_children = true;
    } else if (option == "STATUS") {
      TRY(expect_space(in));
      list.return_status = TRY(parse_status_items(in));
    } else if (option != "SPECIAL-USE") {  // always told
      return fail(Errc::Syntax, "Unknown return option");
    }
  } while (in.consume(' '));
  return in.expect(')');
}

// list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
Result<Command> parse_list(Cursor& in) {
  List list;
  TRY(expect_space(in));
  if (in.consume('(')) {
    TRY(parse_list_selection(in, list));
    TRY(expect_space(in));
  }
  list.reference = TRY(parse_astring(in));
  TRY(expect_space(in));
  if (in.consume('(')) {
    do {
      list.patterns.push_back(TRY(parse_list_mailbox(in)));
      if (list.patterns.size() > 100) return fail(Errc::TooMany, "Too many patterns");
    } while (in.consume(' '));
    TRY(in.expect(')'));
  } else {
    list.patterns.push_back(TRY(parse_list_mailbox(in)));
  }
  if (in.peek_is(' ')) TRY(parse_list_return(in, list));
  return Command{std::move(list)};
}

Result<Command> parse_lsub(Cursor& in) {
  List list;
  list.is_lsub = list.subscribed_only = true;
  TRY(expect_space(in));
  list.reference = TRY(parse_astring(in));
  TRY(expect_space(in));
  list.patterns.push_back(TRY(parse_list_mailbox(in)));
  return Command{std::move(list)};
}

// append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal; up to the literal.
Result<Append> parse_append_prefix(Cursor& in) {
  Append append;
  append.mailbox = TRY(parse_mailbox_argument(in));
  TRY(expect_space(in));
  if (in.peek_is('(')) {
    append.flags = TRY(parse_flag_list(in));
    TRY(expect_space(in));
  }
  if (in.peek_is('"')) {
    append.internal_date = TRY(parse_date_time(in));
    TRY(expect_space(in));
  }
  return append;
}

// Reached only where the message was no literal: then it is missing or a quoted string.
Result<Command> parse_append(Cursor& in) {
  TRY(parse_append_prefix(in));
  return fail(Errc::Syntax, "The message must be a literal");
}

Result<SequenceSet> parse_set_argument(Cursor& in) {
  TRY(expect_space(in));
  return parse_sequence_set(in);
}

// copy = "COPY" SP sequence-set SP mailbox
Result<Copy> parse_copy_arguments(Cursor& in) {
  Copy copy;
  copy.set = TRY(parse_set_argument(in));
  copy.mailbox = TRY(parse_mailbox_argument(in));
  return copy;
}

// store = "STORE" SP sequence-set [SP "(UNCHANGEDSINCE" SP n ")"] SP store-att-flags
Result<Store> parse_store_arguments(Cursor& in) {
  Store store;
  store.set = TRY(parse_set_argument(in));
  TRY(expect_space(in));
  if (in.consume('(')) {
    TRY(in.expect_nocase("UNCHANGEDSINCE "));
    store.unchanged_since = TRY(parse_number64(in));
    TRY(in.expect(')'));
    TRY(expect_space(in));
  }
  if (in.consume('+')) {
    store.mode = Store::Mode::Add;
  } else if (in.consume('-')) {
    store.mode = Store::Mode::Remove;
  }
  TRY(in.expect_nocase("FLAGS"));
  store.silent = in.consume_nocase(".SILENT");
  TRY(expect_space(in));
  store.flags = TRY(parse_flags(in));
  return store;
}

Result<Command> parse_copy(Cursor& in) {
  return Command { TRY(parse_copy_arguments(in)) };
}
Result<Command> parse_move(Cursor& in) {
  Copy move = TRY(parse_copy_arguments(in));
  move.move = true;
  return Command{std::move(move)};
}
Result<Command> parse_store(Cursor& in) {
  return Command { TRY(parse_store_arguments(in)) };
}
Result<Command> parse_fetch_command(Cursor& in) {
  return Command { TRY(parse_fetch(in)) };
}
Result<Command> parse_search_command(Cursor& in) {
  return Command { TRY(parse_search(in)) };
}
Result<Command> parse_uid_expunge(Cursor& in) {
  return Command{Expunge{TRY(parse_set_argument(in))}};
}

template <class T, Parse parse>
Result<Command> parse_by_uid(Cursor& in) {
  Command command = TRY(parse(in));
  std::get<T>(command).by_uid = true;
  return command;
}

struct Verb {
  std::string_view name;
  Parse parse;
  In allowed;
};

constexpr auto kVerbs = std::to_array<Verb>({
    // RFC 3501 section 6.1: any state
    {"CAPABILITY", parse_nothing<Capability>, In::Always},
    {"NOOP", parse_nothing<Noop>, In::Always},
    {"LOGOUT", parse_nothing<Logout>, In::Always},
    {"ID", parse_id, In::Always},
    // Section 6.2: not authenticated
    {"STARTTLS", parse_nothing<StartTls>, In::NotAuthenticated},
    {"AUTHENTICATE", parse_authenticate, In::NotAuthenticated},
    {"LOGIN", parse_login, In::NotAuthenticated},
    // Section 6.3: authenticated or selected
    {"ENABLE", parse_enable, In::AfterLogin},
    {"SELECT", parse_select, In::AfterLogin},
    {"EXAMINE", parse_examine, In::AfterLogin},
    {"CREATE", parse_create, In::AfterLogin},
    {"DELETE", parse_delete, In::AfterLogin},
    {"RENAME", parse_rename, In::AfterLogin},
    {"SUBSCRIBE", parse_subscribe, In::AfterLogin},
    {"UNSUBSCRIBE", parse_unsubscribe, In::AfterLogin},
    {"LIST", parse_list, In::AfterLogin},
    {"LSUB", parse_lsub, In::AfterLogin},
    {"NAMESPACE", parse_nothing<Namespace>, In::AfterLogin},
    {"STATUS", parse_status, In::AfterLogin},
    {"APPEND", parse_append, In::AfterLogin},
    {"IDLE", parse_nothing<Idle>, In::AfterLogin},
    // Section 6.4: selected
    {"CHECK", parse_nothing<Check>, In::Selected},
    {"CLOSE", parse_nothing<Close>, In::Selected},
    {"UNSELECT", parse_nothing<Unselect>, In::Selected},
    {"EXPUNGE", parse_nothing<Expunge>, In::Selected},
    {"SEARCH", parse_search_command, In::Selected},
    {"FETCH", parse_fetch_command, In::Selected},
    {"STORE", parse_store, In::Selected},
    {"COPY", parse_copy, In::Selected},
    {"MOVE", parse_move, In::Selected},
    {"UID SEARCH", parse_by_uid<Search, parse_search_command>, In::Selected},
    {"UID FETCH", parse_by_uid<Fetch, parse_fetch_command>, In::Selected},
    {"UID STORE", parse_by_uid<Store, parse_store>, In::Selected},
    {"UID COPY", parse_by_uid<Copy, parse_copy>, In::Selected},
    {"UID MOVE", parse_by_uid<Copy, parse_move>, In::Selected},
    {"UID EXPUNGE", parse_uid_expunge, In::Selected},
});

// tag SP command-name; what follows is the verb's.
Result<const Verb*> parse_verb(Cursor& in, Request& request) {
  request.tag = TRY(parse_tag(in));
  TRY(expect_space(in));
  request.name = ascii::to_upper(TRY(parse_atom(in)));
  if (request.name == "UID") {
    TRY(expect_space(in));
    request.name += ' ' + ascii::to_upper(TRY(parse_atom(in)));
  }
  const auto* verb = std::find_if(kVerbs.begin(), kVerbs.end(),
                                  [&](const Verb& v) { return v.name == request.name; });
  if (verb == kVerbs.end()) return fail(Errc::Unsupported, "Unknown command");
  request.allowed = verb->allowed;
  return verb;
}

Result<Command> parse_whole(Cursor& in, Request& request) {
  const Verb* verb = TRY(parse_verb(in, request));
  Command command = TRY(verb->parse(in));
  if (!in.at_end()) return fail(Errc::Syntax, "Unexpected arguments");
  return command;
}

}  // namespace

Request parse_request(std::string_view text) {
  Cursor in{text};
  Request request{{}, {}, In::Always, Command{Noop{}}};
  request.command = parse_whole(in, request);
  return request;
}

std::optional<Request> parse_append_start(std::string_view text) {
  Cursor in{text};
  Request request{{}, {}, In::Always, Command{Noop{}}};
  if (!parse_verb(in, request) || request.name != "APPEND") return std::nullopt;
  auto append = parse_append_prefix(in);
  // Fails too where the literal announced is still the mailbox's name: it is collected then, and
  // what is wrong with the rest shows when the command is complete.
  if (!append || !in.consume('{')) return std::nullopt;
  in.take_while(ascii::is_digit);
  in.consume('+');
  if (!in.consume("}\r\n") || !in.at_end()) return std::nullopt;
  request.command = Command{std::move(*append)};
  return request;
}

}  // namespace mail::imap
