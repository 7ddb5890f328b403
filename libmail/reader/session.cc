// The session's loop, showing, and its end.
#include "libmail/reader/session.h"

#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/base/log.h"
#include "libmail/reader/message_list.h"

namespace mail::reader {
namespace {

constexpr int kMaxSourceDepth = 10;  // source inside source

std::string count_of(std::size_t count, std::string_view noun) {
  return std::to_string(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace

Session::Session(Host& host, Variables variables, FieldFilter filter)
    : host_(host), variables_(std::move(variables)), filter_(std::move(filter)) {}

void Session::run_script(std::string_view text) {
  if (source_depth_ >= kMaxSourceDepth) {
    host_.print_error("Too much \"sourcing\" going on.");
    return;
  }
  ++source_depth_;
  // if s|r|t ... else ... endif: send mode, receive mode, terminal (Heirloom's rc files use it).
  std::vector<bool> conditions;
  for (auto line : ascii::split(text, '\n')) {
    line = ascii::trim(line);
    const auto words = ascii::words(line);
    if (!words.empty() && words.front() == "if") {
      const std::string_view what = words.size() > 1 ? words.at(1) : "";
      conditions.push_back(what.starts_with('t') ? host_.is_interactive()
                                                 : what.starts_with('r') == folder_.has_value());
      continue;
    }
    if (line == "else" && !conditions.empty()) {
      conditions.back() = !conditions.back();
      continue;
    }
    if (line == "endif" && !conditions.empty()) {
      conditions.pop_back();
      continue;
    }
    const bool active =
        std::all_of(conditions.begin(), conditions.end(), [](bool on) { return on; });
    if (active && !line.empty()) static_cast<void>(execute(line));
  }
  --source_depth_;
}

int Session::run(Folder folder, const Start& start, OpenFolder open_folder) {
  folder_ = std::move(folder);
  start_ = start;
  open_folder_ = std::move(open_folder);
  current_ = folder_->first_current();
  if (!start_.quiet) {
    if (!start_.banner.empty() && !variables_.has("quiet")) host_.print(start_.banner + '\n');
    print_summary();
    if (variables_.has("header")) {
      screen_ = (std::max<std::size_t>(current_, 1) - 1) / screen_lines() * screen_lines() + 1;
      print_header_screen();
    }
  } else {
    current_ = folder_->size() == 0 ? 0 : 1;
  }
  for (;;) {
    announce_new_mail();
    const auto line = host_.read_line(variables_.get("prompt", "& "));
    if (!line) {
      if (host_.is_interactive() && variables_.has("ignoreeof")) {
        host_.print_error("Use \"quit\" to quit.");
        continue;
      }
      if (!finish_folder()) return 1;
      return status_;
    }
    switch (execute(*line)) {
      case Next::Continue:
        break;
      case Next::Quit:
        if (finish_folder()) return status_;
        if (!host_.is_interactive()) return 1;
        break;  // the reader may save elsewhere, or exit
      case Next::Exit:
        return status_;
    }
  }
}

void Session::print_headers_only(Folder folder) {
  folder_ = std::move(folder);
  current_ = folder_->size() == 0 ? 0 : 1;
  std::string out;
  for (std::size_t number = 1; number <= folder_->size(); ++number) {
    out += format_headline(*folder_, number, headline_context()) + '\n';
  }
  host_.print(out);
}

void Session::announce_new_mail() {
  if (!host_.is_interactive()) return;
  const std::size_t before = folder_->size();
  const auto arrived = folder_->load_new();
  if (!arrived || *arrived == 0) return;
  std::string out = "New mail has arrived.\nLoaded " + count_of(*arrived, "new message") + '\n';
  if (variables_.has("header")) {
    for (std::size_t number = before + 1; number <= folder_->size(); ++number) {
      out += format_headline(*folder_, number, headline_context()) + '\n';
    }
  }
  if (current_ == 0) current_ = 1;
  host_.print(out);
}

Session::Next Session::do_inc(std::string_view /*argument*/) {
  if (!folder_) return Next::Continue;
  const auto arrived = folder_->load_new();
  if (!arrived) {
    host_.print_error(arrived.error().log_text);
  } else if (*arrived == 0) {
    host_.print("No new mail.\n");
  } else {
    host_.print("New mail has arrived.\nLoaded " + count_of(*arrived, "new message") + '\n');
    if (current_ == 0) current_ = 1;
  }
  return Next::Continue;
}

void Session::mark_read(std::size_t number) {
  Entry& entry = folder_->at(number);
  if (entry.is_read) return;
  entry.is_read = true;
  entry.read_now = true;
}

void Session::show(std::size_t number, const RenderOptions& options) {
  mark_read(number);
  Entry& entry = folder_->at(number);
  entry.shown_now = true;
  const auto octets = folder_->read_all(number);
  if (!octets) {
    host_.print_error(octets.error().log_text);
    status_ = 1;
    return;
  }
  std::string out =
      "Message " + std::string(number < 10 ? " " : "") + std::to_string(number) + ":\n";
  out += render_message(entry, *octets, filter_, options);
  if (!out.ends_with('\n')) out += '\n';
  const auto lines = static_cast<std::size_t>(std::count(out.begin(), out.end(), '\n'));
  const auto crt = ascii::to_number<std::size_t>(variables_.get("crt"));
  if (host_.is_interactive() && variables_.has("crt") && lines > crt.value_or(host_.height())) {
    host_.page(out);
  } else {
    host_.print(out);
  }
}

void Session::show_list(std::string_view argument, const RenderOptions& options) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return;
  for (const auto number : *list) {
    current_ = number;
    show(number, options);
  }
  at_start_ = false;
}

Session::Next Session::do_print(std::string_view argument) {
  show_list(argument, {});
  return Next::Continue;
}

Session::Next Session::do_print_all(std::string_view argument) {
  RenderOptions options;
  options.all_fields = true;
  show_list(argument, options);
  return Next::Continue;
}

Session::Next Session::do_show_raw(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  for (const auto number : *list) {
    current_ = number;
    mark_read(number);
    const auto octets = folder_->read_all(number);
    if (octets) {
      host_.print(folder_->at(number).from_line + '\n' + message::make_printable(*octets));
    } else {
      host_.print_error(octets.error().log_text);
    }
  }
  return Next::Continue;
}

Session::Next Session::do_next(std::string_view argument) {
  if (!folder_) return Next::Continue;
  if (!argument.empty()) {
    // `next LIST`: the first of them behind the current one, else the first.
    const auto list = list_or_complain(argument, Among::Undeleted);
    if (!list) return Next::Continue;
    const auto behind = std::find_if(list->begin(), list->end(),
                                     [this](std::size_t number) { return number > current_; });
    current_ = behind == list->end() ? list->front() : *behind;
    show(current_, {});
    return Next::Continue;
  }
  std::size_t number = at_start_ ? current_ : current_ + 1;
  while (number >= 1 && number <= folder_->size() && folder_->at(number).deleted) ++number;
  if (number == 0 || number > folder_->size()) {
    host_.print_error("At EOF");
    return Next::Continue;
  }
  current_ = number;
  at_start_ = false;
  show(number, {});
  return Next::Continue;
}

Session::Next Session::do_previous(std::string_view argument) {
  if (!folder_) return Next::Continue;
  std::size_t steps = argument.empty() ? 1 : ascii::to_number<std::size_t>(argument).value_or(1);
  std::size_t number = current_;
  while (steps > 0 && number > 1) {
    --number;
    if (!folder_->at(number).deleted) --steps;
  }
  if (steps > 0 || number == 0) {
    host_.print_error("Nonzero message number required: this is the first");
    return Next::Continue;
  }
  current_ = number;
  at_start_ = false;
  show(number, {});
  return Next::Continue;
}

Session::Next Session::do_top(std::string_view argument) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  const auto wanted = ascii::to_number<std::size_t>(variables_.get("toplines", "5")).value_or(5);
  for (const auto number : *list) {
    current_ = number;
    const auto octets = folder_->read_all(number);
    if (!octets) {
      host_.print_error(octets.error().log_text);
      continue;
    }
    std::string out =
        "Message " + std::string(number < 10 ? " " : "") + std::to_string(number) + ":\n";
    std::size_t count = 0;
    std::size_t at = 0;
    while (count < wanted && at < octets->size()) {
      const auto end = std::min(octets->find('\n', at), octets->size());
      out += message::make_printable(std::string_view(*octets).substr(at, end - at)) + '\n';
      at = end + 1;
      ++count;
    }
    host_.print(out);
  }
  return Next::Continue;
}

Session::Next Session::do_pipe(std::string_view argument) {
  // pipe [LIST] COMMAND; the command may be quoted.
  std::string_view list_text;
  std::string command;
  if (const auto quote = argument.find('"'); quote != std::string_view::npos) {
    list_text = ascii::trim(argument.substr(0, quote));
    const auto words = split_words(argument.substr(quote));
    if (!words.empty()) command = words.front();
  } else {
    const auto words = ascii::words(argument);
    if (words.size() > 1 && folder_ &&
        parse_message_list(words.front(), *folder_, current_, Among::Undeleted)) {
      list_text = words.front();
      command = ascii::trim(argument.substr(words.front().size()));
    } else {
      command = argument;
    }
  }
  if (command.empty()) command = variables_.get("cmd");
  if (command.empty()) {
    host_.print_error("variable cmd not set");
    return Next::Continue;
  }
  const auto list = list_or_complain(list_text, Among::Undeleted);
  if (!list) return Next::Continue;
  host_.print("Pipe to: \"" + command + "\"\n");
  std::string input;
  for (const auto number : *list) {
    current_ = number;
    mark_read(number);
    const auto octets = folder_->read_all(number);
    if (!octets) {
      host_.print_error(octets.error().log_text);
      return Next::Continue;
    }
    RenderOptions options;
    options.from_line = false;
    input += render_message(folder_->at(number), *octets, filter_, options);
  }
  if (const auto status = host_.run_shell(command, input); !status) {
    host_.print_error(status.error().log_text);
  }
  const auto lines = std::count(input.begin(), input.end(), '\n');
  host_.print('"' + command + "\" " + std::to_string(lines) + '/' + std::to_string(input.size()) +
              '\n');
  return Next::Continue;
}

Session::Next Session::do_shell_command(std::string_view argument) {
  if (argument.empty()) return do_shell(argument);
  if (const auto status = host_.run_shell(argument, {}); !status) {
    host_.print_error(status.error().log_text);
  } else {
    host_.print("!\n");
  }
  return Next::Continue;
}

Session::Next Session::do_shell(std::string_view /*argument*/) {
  const auto status = host_.run_shell(variables_.get("SHELL", "/bin/sh"), {});
  if (!status) host_.print_error(status.error().log_text);
  return Next::Continue;
}

Session::Next Session::do_cd(std::string_view argument) {
  const auto changed =
      host_.change_directory(argument.empty() ? host_.home() : expand_file_name(argument));
  if (!changed) host_.print_error(changed.error().log_text);
  return Next::Continue;
}

Session::Next Session::do_source(std::string_view argument) {
  const auto text = host_.read_file(expand_file_name(argument));
  if (text) {
    run_script(*text);
  } else {
    host_.print_error(text.error().log_text);
  }
  return Next::Continue;
}

Session::Next Session::do_file(std::string_view argument) {
  if (!folder_) return Next::Continue;
  if (argument.empty()) {
    print_summary();
    return Next::Continue;
  }
  auto opened = open_folder_(argument);
  if (!opened) {
    host_.print_error(opened.error().log_text);
    return Next::Continue;
  }
  if (!finish_folder()) return Next::Continue;
  folder_ = std::move(*opened);
  start_.is_system_mailbox = argument == "%";
  current_ = folder_->first_current();
  at_start_ = true;
  screen_ = 1;
  print_summary();
  if (variables_.has("header") && folder_->size() > 0) print_header_screen();
  return Next::Continue;
}

Session::Next Session::do_quit(std::string_view /*argument*/) { return Next::Quit; }
Session::Next Session::do_exit(std::string_view /*argument*/) { return Next::Exit; }

std::string Session::expand_file_name(std::string_view name) const {
  name = ascii::trim(name);
  if (name == "&") return start_.mbox;
  if (name.starts_with("~/")) return host_.home() + std::string(name.substr(1));
  if (name.starts_with('+')) {
    std::string folder = variables_.get("folder");
    if (folder.empty()) return std::string(name);
    if (!folder.starts_with('/')) folder = host_.home() + '/' + folder;
    return folder + '/' + std::string(name.substr(1));
  }
  return std::string(name);
}

Session::Next Session::do_save(std::string_view argument) {
  return save_to_file(argument, true, false);
}
Session::Next Session::do_copy(std::string_view argument) {
  return save_to_file(argument, false, false);
}
Session::Next Session::do_write(std::string_view argument) {
  return save_to_file(argument, false, true);
}

Session::Next Session::save_to_file(std::string_view argument, bool mark_saved, bool bodies_only) {
  // [LIST] FILE; a single word is the file ("s 2" saves to a file named 2, spec 5.7).
  const auto words = split_words(argument);
  if (words.empty()) {
    host_.print_error("No file specified.");
    return Next::Continue;
  }
  const std::string& file_word = words.back();
  const auto file_at = argument.rfind(file_word.substr(0, 1) == " " ? file_word : words.back());
  std::string_view list_text;
  if (words.size() > 1 && file_at != std::string_view::npos) {
    list_text = ascii::trim(argument.substr(0, file_at));
    while (!list_text.empty() && (list_text.back() == '"' || list_text.back() == '\'')) {
      list_text.remove_suffix(1);
    }
    list_text = ascii::trim(list_text);
  }
  const auto list = list_or_complain(list_text, Among::Undeleted);
  if (!list) return Next::Continue;
  std::string out;
  for (const auto number : *list) {
    const auto octets = folder_->read_all(number);
    if (!octets) {
      host_.print_error(octets.error().log_text);
      return Next::Continue;
    }
    const Entry& entry = folder_->at(number);
    if (bodies_only) {
      RenderOptions options;
      options.text_only = true;
      out += render_text(entry, *octets, options);
    } else {
      out += entry.from_line + '\n' + *octets;
      if (!out.ends_with('\n')) out += '\n';
      out += '\n';
    }
    current_ = number;
  }
  const std::string path = expand_file_name(file_word);
  const auto made = host_.append_file(path, out);
  if (!made) {
    host_.print_error(made.error().log_text);
    status_ = 1;
    return Next::Continue;
  }
  const auto lines = std::count(out.begin(), out.end(), '\n');
  host_.print('"' + file_word + "\" " + (*made ? "[New file]" : "[Appended]") + ' ' +
              std::to_string(lines) + '/' + std::to_string(out.size()) + '\n');
  for (const auto number : *list) {
    mark_read(number);
    if (mark_saved) folder_->at(number).saved = true;
  }
  return Next::Continue;
}

bool Session::finish_folder() {
  if (!folder_) return true;
  Folder& folder = *folder_;
  static_cast<void>(folder.load_new());  // what arrived meanwhile stays, and is new
  std::vector<std::size_t> drop;
  std::vector<std::size_t> to_mbox;
  std::size_t held = 0;
  for (std::size_t number = 1; number <= folder.size(); ++number) {
    const Entry& entry = folder.at(number);
    if (entry.deleted) continue;
    if (start_.is_system_mailbox) {
      const bool keep_saved = variables_.has("keepsave");
      if (entry.saved && !keep_saved) {
        drop.push_back(number);
        continue;
      }
      const bool moves = entry.to_mbox || (entry.is_read && !entry.preserved &&
                                           !variables_.has("hold") && !entry.saved);
      if (moves) {
        to_mbox.push_back(number);
        drop.push_back(number);
        continue;
      }
    }
    ++held;
  }
  if (!to_mbox.empty()) {
    std::string out;
    for (const auto number : to_mbox) {
      const auto octets = folder.read_all(number);
      if (!octets) {
        host_.print_error(octets.error().log_text);
        return false;
      }
      out += folder.at(number).from_line + '\n' + with_status(*octets, "RO");
      if (!out.ends_with('\n')) out += '\n';
      out += '\n';
    }
    // Appended before it is taken out of the mailbox: killed between, it is there twice, never
    // lost.
    if (const auto appended = host_.append_file(start_.mbox, out); !appended) {
      host_.print_error(appended.error().log_text);
      return false;
    }
    host_.print("Saved " + count_of(to_mbox.size(), "message") + " in mbox\n");
  }
  const bool changed = folder.is_changed() || !drop.empty();
  if (changed) {
    if (const auto finished = folder.finish(drop); !finished) {
      host_.print_error(folder.name() + ": " + finished.error().log_text);
      status_ = 1;
      return false;
    }
  }
  if (!start_.is_system_mailbox) {
    if (changed) host_.print('"' + folder.name() + "\" complete\n");
  } else if (held > 0) {
    host_.print("Held " + count_of(held, "message") + " in " + folder.name() + '\n');
  }
  return true;
}

}  // namespace mail::reader
