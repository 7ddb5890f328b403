// The command table and the commands of a Session that list, mark, save and set.
#include <algorithm>
#include <array>

#include "libmail/base/ascii.h"
#include "libmail/reader/message_list.h"
#include "libmail/reader/session.h"

namespace mail::reader {

// A row: names in full, how short the first may be typed, and the handler. Earlier rows win where
// an abbreviation fits several, as in Heirloom.
struct Session::Command {
  std::string_view name;
  std::size_t shortest;
  Next (Session::*handler)(std::string_view argument);
  std::string_view help;  // empty: an alternative name, not listed by `help`
};

struct CommandTable {
  using S = Session;
  static constexpr auto rows() {
    return std::to_array<S::Command>({
        {"next", 1, &S::do_next, "show the next message"},
        {"alias", 1, &S::do_alias, "define a personal alias: alias NAME ADDRESS..."},
        {"print", 1, &S::do_print, "show messages (a number alone does too)"},
        {"type", 1, &S::do_print, "the same as print"},
        {"Type", 1, &S::do_print_all, ""},
        {"Print", 1, &S::do_print_all, "show messages with all header fields"},
        {"Show", 4, &S::do_show_raw, "show messages as they are stored"},
        {"top", 2, &S::do_top, "show the first lines of messages"},
        {"touch", 3, &S::do_touch, "treat messages as read"},
        {"preserve", 3, &S::do_hold, ""},
        {"hold", 2, &S::do_hold, "keep messages in this mailbox"},
        {"delete", 1, &S::do_delete, "delete messages"},
        {"dp", 2, &S::do_delete_print, "delete the message and show the next"},
        {"dt", 2, &S::do_delete_print, ""},
        {"undelete", 1, &S::do_undelete, "take deletions back"},
        {"unread", 3, &S::do_unread, "treat messages as not read"},
        {"Unread", 1, &S::do_unread, ""},
        {"unset", 5, &S::do_unset, "unset variables"},
        {"unset", 3, &S::do_unset, ""},
        {"unalias", 5, &S::do_unalias, "forget personal aliases"},
        {"unflag", 6, &S::do_unflag, "take the mark off messages"},
        {"mail", 1, &S::do_mail, "write a message: mail ADDRESS..."},
        {"mbox", 2, &S::do_mbox, "move messages to mbox at the end"},
        {"reply", 1, &S::do_reply_all, "answer sender and recipients"},
        {"respond", 1, &S::do_reply_all, ""},
        {"Reply", 1, &S::do_reply_sender, "answer the sender alone"},
        {"Respond", 1, &S::do_reply_sender, ""},
        {"forward", 3, &S::do_forward, "send a message on: forward [LIST] ADDRESS"},
        {"fwd", 3, &S::do_forward, ""},
        {"flag", 4, &S::do_flag, "mark messages"},
        {"answered", 8, &S::do_answered, "mark messages as answered"},
        {"headers", 1, &S::do_headers, "list messages, a screen"},
        {"help", 3, &S::do_help, "this list"},
        {"from", 1, &S::do_from, "list the messages named"},
        {"file", 2, &S::do_file, "open another mailbox, or say which is open"},
        {"folder", 4, &S::do_file, ""},
        {"save", 1, &S::do_save, "append messages to a file and mark them saved"},
        {"copy", 1, &S::do_copy, "append messages to a file"},
        {"write", 1, &S::do_write, "append the bodies of messages to a file"},
        {"size", 2, &S::do_size, "lines and octets of messages"},
        {"set", 2, &S::do_set, "set variables, or list them"},
        {"source", 2, &S::do_source, "run commands from a file"},
        {"shell", 2, &S::do_shell, "a shell"},
        {"ignore", 2, &S::do_ignore, "do not show these header fields"},
        {"discard", 3, &S::do_ignore, ""},
        {"retain", 4, &S::do_retain, "show these header fields only"},
        {"inc", 3, &S::do_inc, "look for new mail"},
        {"newmail", 4, &S::do_inc, ""},
        {"z", 1, &S::do_scroll, "scroll the list of headers: z, z-"},
        {"pipe", 2, &S::do_pipe, "give messages to a command: pipe [LIST] COMMAND"},
        {"|", 1, &S::do_pipe, ""},
        {"!", 1, &S::do_shell_command, "run a shell command"},
        {"=", 1, &S::do_number, "number of the current message"},
        {"+", 1, &S::do_next, ""},
        {"-", 1, &S::do_previous, "show the message before"},
        {"cd", 2, &S::do_cd, "change directory"},
        {"chdir", 2, &S::do_cd, ""},
        {"echo", 2, &S::do_echo, "print words"},
        {"list", 1, &S::do_list, "all command names"},
        {"quit", 1, &S::do_quit, "end; what was changed is written"},
        {"exit", 2, &S::do_exit, "end; nothing is changed"},
        {"xit", 1, &S::do_exit, ""},
        {"version", 3, &S::do_version, "version of this program"},
        {"?", 1, &S::do_help, ""},
        {"#", 1, &S::do_comment, ""},
    });
  }
};

namespace {
constexpr auto kCommands = CommandTable::rows();
}  // namespace

const Session::Command* Session::find_command(std::string_view name) {
  for (const auto& command : kCommands) {
    if (name.size() >= command.shortest && command.name.starts_with(name)) return &command;
  }
  return nullptr;
}

Session::Next Session::execute(std::string_view line) {
  line = ascii::trim(line);
  if (line.empty()) {
    if (!folder_) return Next::Continue;
    // The first newline shows the message that the list points at.
    return at_start_ && current_ != 0 ? do_print("") : do_next("");
  }
  // A message list alone shows those messages.
  constexpr std::string_view kListStart = "0123456789.$^*:/";
  if (kListStart.find(line.front()) != std::string_view::npos) return do_print(line);
  std::size_t end = 0;
  if (ascii::is_alpha(line.front())) {
    while (end < line.size() && ascii::is_alpha(line.at(end))) ++end;
  } else {
    end = 1;
  }
  const Command* command = find_command(line.substr(0, end));
  if (command == nullptr) {
    host_.print_error("Unknown command: \"" + std::string(line.substr(0, end)) + "\"");
    return Next::Continue;
  }
  return dispatch(*command, ascii::trim(line.substr(end)));
}

Session::Next Session::dispatch(const Command& command, std::string_view argument) {
  return (this->*command.handler)(argument);
}

std::optional<std::vector<std::size_t>> Session::list_or_complain(std::string_view text,
                                                                  Among among) {
  if (!folder_) {
    host_.print_error("No mailbox is open");
    return std::nullopt;
  }
  Result<std::vector<std::size_t>> list = fail(Errc::NotFound, "No applicable messages");
  if (!text.empty()) {
    list = parse_message_list(text, *folder_, current_, among);
  } else if (current_ != 0) {
    list = parse_message_list(".", *folder_, current_, among);
    if (!list && among == Among::Undeleted) {
      // The current message is gone: the next one that applies (spec 5.3, default list).
      list = parse_message_list("+", *folder_, current_, among);
    }
    if (!list) list = fail(Errc::NotFound, "No applicable messages");
  }
  if (!list) {
    host_.print_error(list.error().public_text);
    return std::nullopt;
  }
  return *list;
}

void Session::move_to_next_undeleted() {
  for (std::size_t number = current_; number <= folder_->size(); ++number) {
    if (number != 0 && !folder_->at(number).deleted) {
      current_ = number;
      return;
    }
  }
  for (std::size_t number = current_; number >= 1; --number) {
    if (!folder_->at(number).deleted) {
      current_ = number;
      return;
    }
  }
}

HeadlineContext Session::headline_context() const {
  return {variables_, host_.width(), current_, host_.user_address()};
}

std::size_t Session::screen_lines() const {
  if (const auto set = ascii::to_number<std::size_t>(variables_.get("screen")); set && *set > 0) {
    return *set;
  }
  return host_.height() > 5 ? host_.height() - 4 : 1;
}

void Session::print_summary() { host_.print(format_summary(*folder_) + '\n'); }

void Session::print_header_screen() {
  std::string out;
  std::size_t shown = 0;
  for (std::size_t number = std::max<std::size_t>(screen_, 1);
       number <= folder_->size() && shown < screen_lines(); ++number) {
    if (folder_->at(number).deleted) continue;
    out += format_headline(*folder_, number, headline_context()) + '\n';
    ++shown;
  }
  if (shown == 0) {
    host_.print_error("No more mail.");
  } else {
    host_.print(out);
  }
}

Session::Next Session::do_headers(std::string_view argument) {
  if (!folder_) return Next::Continue;
  if (folder_->size() == 0) {
    host_.print_error("No applicable messages");
    return Next::Continue;
  }
  if (!argument.empty()) {
    const auto list = list_or_complain(argument, Among::Undeleted);
    if (!list) return Next::Continue;
    current_ = list->front();
  }
  // The screen that holds the current message (POSIX: pages of `screen` messages).
  screen_ = (std::max<std::size_t>(current_, 1) - 1) / screen_lines() * screen_lines() + 1;
  print_header_screen();
  return Next::Continue;
}

Session::Next Session::do_scroll(std::string_view argument) {
  if (!folder_ || folder_->size() == 0) return Next::Continue;
  const std::size_t page = screen_lines();
  if (argument.starts_with('-')) {
    if (screen_ <= 1) {
      host_.print_error("On first screenful of messages");
      return Next::Continue;
    }
    screen_ = screen_ > page ? screen_ - page : 1;
  } else {
    if (screen_ + page > folder_->size()) {
      host_.print_error("On last screenful of messages");
      return Next::Continue;
    }
    screen_ += page;
  }
  current_ = screen_;
  print_header_screen();
  return Next::Continue;
}

Session::Next Session::do_from(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  current_ = list->back();  // as the real program has it (spec 5.7)
  std::string out;
  for (const auto number : *list) {
    out += format_headline(*folder_, number, headline_context()) + '\n';
  }
  host_.print(out);
  return Next::Continue;
}

Session::Next Session::do_delete(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  for (const auto number : *list) folder_->at(number).deleted = true;
  current_ = list->back();
  move_to_next_undeleted();
  at_start_ = true;  // the message that became current has not been shown
  if (variables_.has("autoprint") && !folder_->at(current_).deleted) return do_print("");
  return Next::Continue;
}

Session::Next Session::do_delete_print(std::string_view argument) {
  do_delete(argument);
  if (!folder_ || current_ == 0 || folder_->at(current_).deleted) {
    host_.print_error("No more messages");
    return Next::Continue;
  }
  return variables_.has("autoprint") ? Next::Continue : do_print("");
}

Session::Next Session::do_undelete(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Deleted);
  if (!list) return Next::Continue;
  for (const auto number : *list) {
    folder_->at(number).deleted = false;
    mark_read(number);  // counts as read (spec 5.7)
  }
  current_ = list->back();
  return Next::Continue;
}

Session::Next Session::do_hold(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  for (const auto number : *list) {
    folder_->at(number).preserved = true;
    folder_->at(number).to_mbox = false;
  }
  current_ = list->back();
  return Next::Continue;
}

Session::Next Session::do_mbox(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  for (const auto number : *list) {
    folder_->at(number).to_mbox = true;
    folder_->at(number).preserved = false;
  }
  current_ = list->back();
  return Next::Continue;
}

Session::Next Session::do_touch(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  for (const auto number : *list) mark_read(number);
  current_ = list->back();
  return Next::Continue;
}

Session::Next Session::do_unread(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  for (const auto number : *list) {
    Entry& entry = folder_->at(number);
    if (!entry.is_read) continue;
    entry.is_read = false;
    entry.read_now = true;  // differs from what is stored
  }
  current_ = list->back();
  return Next::Continue;
}

Session::Next Session::do_flag(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  for (const auto number : *list) {
    folder_->at(number).flags.set(store::Flag::Flagged);
    folder_->at(number).flags_changed = true;
  }
  return Next::Continue;
}

Session::Next Session::do_unflag(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  for (const auto number : *list) {
    folder_->at(number).flags.set(store::Flag::Flagged, false);
    folder_->at(number).flags_changed = true;
  }
  return Next::Continue;
}

Session::Next Session::do_answered(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  for (const auto number : *list) {
    folder_->at(number).flags.set(store::Flag::Answered);
    folder_->at(number).flags_changed = true;
  }
  return Next::Continue;
}

Session::Next Session::do_size(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  std::string out;
  for (const auto number : *list) {
    const Entry& entry = folder_->at(number);
    out += std::to_string(number) + ": " + std::to_string(entry.lines) + '/' +
           std::to_string(entry.octets) + '\n';
  }
  host_.print(out);
  return Next::Continue;
}

Session::Next Session::do_number(std::string_view argument) {
  if (argument.empty()) {
    host_.print(std::to_string(current_) + '\n');
    return Next::Continue;
  }
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  std::string out;
  for (const auto number : *list) out += std::to_string(number) + '\n';
  host_.print(out);
  return Next::Continue;
}

Session::Next Session::do_set(std::string_view argument) {
  if (argument.empty()) {
    host_.print(variables_.list());
    return Next::Continue;
  }
  for (const auto& word : split_words(argument)) {
    if (!variables_.assign(word)) host_.print_error("Non-null variable name required");
  }
  return Next::Continue;
}

Session::Next Session::do_unset(std::string_view argument) {
  for (const auto word : ascii::words(argument)) variables_.unset(word);
  return Next::Continue;
}

Session::Next Session::do_alias(std::string_view argument) {
  const auto words = split_words(argument);
  if (words.empty()) {
    std::string out;
    for (const auto& [name, targets] : aliases_) {
      out += name + '\t';
      for (const auto& target : targets) out += ' ' + target;
      out += '\n';
    }
    host_.print(out);
    return Next::Continue;
  }
  auto& targets = aliases_[words.front()];
  targets.insert(targets.end(), words.begin() + 1, words.end());
  return Next::Continue;
}

Session::Next Session::do_unalias(std::string_view argument) {
  for (const auto& word : split_words(argument)) aliases_.erase(word);
  return Next::Continue;
}

Session::Next Session::do_ignore(std::string_view argument) {
  if (argument.empty()) {
    std::string out;
    for (const auto& field : filter_.ignored()) out += field + '\n';
    host_.print(out.empty() ? "No fields currently being ignored.\n" : out);
  }
  for (const auto word : ascii::words(argument)) filter_.ignore(word);
  return Next::Continue;
}

Session::Next Session::do_retain(std::string_view argument) {
  if (argument.empty()) {
    std::string out;
    for (const auto& field : filter_.retained()) out += field + '\n';
    host_.print(out.empty() ? "No fields currently being retained.\n" : out);
  }
  for (const auto word : ascii::words(argument)) filter_.retain(word);
  return Next::Continue;
}

Session::Next Session::do_echo(std::string_view argument) {
  std::string out;
  for (const auto& word : split_words(argument)) out += (out.empty() ? "" : " ") + word;
  host_.print(out + '\n');
  return Next::Continue;
}

Session::Next Session::do_list(std::string_view /*argument*/) {
  std::string out = "Commands are:\n";
  std::size_t column = 0;
  for (const auto& command : kCommands) {
    const std::string word =
        std::string(command.name) + (&command == &kCommands.back() ? "" : ", ");
    if (column + word.size() > 72) {
      out += '\n';
      column = 0;
    }
    out += word;
    column += word.size();
  }
  host_.print(out + '\n');
  return Next::Continue;
}

Session::Next Session::do_help(std::string_view argument) {
  if (!argument.empty()) {
    const Command* command = find_command(argument);
    if (command == nullptr) {
      host_.print_error("Unknown command: \"" + std::string(argument) + "\"");
    } else {
      host_.print(std::string(command->name) + ": " +
                  std::string(command->help.empty() ? "another name of a command" : command->help) +
                  '\n');
    }
    return Next::Continue;
  }
  std::string out = "Commands (a message list names messages: 3, 2-5, *, :u, /subject, sender):\n";
  for (const auto& command : kCommands) {
    if (command.help.empty()) continue;
    std::string name(command.name);
    name.resize(std::max<std::size_t>(name.size(), 10), ' ');
    out += "  " + name + ' ' + std::string(command.help) + '\n';
  }
  host_.print(out);
  return Next::Continue;
}

Session::Next Session::do_version(std::string_view /*argument*/) {
  host_.print("Tubepost mail-reader " TUBEPOST_VERSION "\n");
  return Next::Continue;
}

Session::Next Session::do_comment(std::string_view /*argument*/) { return Next::Continue; }

}  // namespace mail::reader
