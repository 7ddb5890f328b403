// The commands of a Session that write messages, and the tilde escapes.
#include <algorithm>

#include "libmail/base/ascii.h"
#include "libmail/message/date.h"
#include "libmail/reader/message_list.h"
#include "libmail/reader/session.h"

namespace mail::reader {
namespace {

void append_words(std::vector<std::string>& list, std::string_view text) {
  for (auto& one : split_addresses(text)) list.push_back(std::move(one));
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

constexpr std::string_view kTildeHelp =
    "~.            end of the message        ~x            give it up, save nothing\n"
    "~q            give it up, keep dead.letter\n"
    "~s SUBJECT    set the subject           ~t/~c/~b ADDRESSES  add To/Cc/Bcc\n"
    "~h            ask for To, Cc, Bcc and Subject\n"
    "~r FILE, ~d   read in a file, dead.letter\n"
    "~<!COMMAND    read in what a command prints\n"
    "~f/~m LIST    read in messages, plain/indented (~F/~M with all fields)\n"
    "~@ FILE...    attach files\n"
    "~p            show the message so far   ~e/~v         edit it\n"
    "~w FILE       write the text to a file  ~|COMMAND     put it through a command\n"
    "~!COMMAND     run a command             ~:COMMAND     a command of mail-reader\n"
    "~~TEXT        a line that begins with ~\n";

}  // namespace

std::string Session::quoted(std::size_t number, bool with_prefix) {
  const auto octets = folder_->read_all(number);
  if (!octets) {
    host_.print_error(octets.error().log_text);
    return {};
  }
  const std::string text = render_text(folder_->at(number), *octets, {});
  const std::string prefix = with_prefix ? variables_.get("indentprefix", "\t") : std::string();
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    out += prefix + text.substr(at, end - at) + '\n';
    at = end + 1;
  }
  return out;
}

bool Session::apply_tilde(std::string_view line, Draft& draft, bool& done, bool& abort) {
  const char escape = line.size() > 1 ? line.at(1) : '?';
  const std::string_view argument = line.size() > 2 ? ascii::trim(line.substr(2)) : "";
  const auto complain = [this](const Error& error) { host_.print_error(error.log_text); };
  switch (escape) {
    case '.':
      done = true;
      return true;
    case 'x':
    case 'q':
      if (escape == 'q' && !draft.text.empty()) {
        if (const auto kept = host_.append_file(
                variables_.get("DEAD", host_.home() + "/dead.letter"), draft.text);
            !kept) {
          complain(kept.error());
        }
      }
      abort = done = true;
      return true;
    case 's':
      draft.subject = argument;
      return true;
    case 't':
      append_words(draft.to, argument);
      return true;
    case 'c':
      append_words(draft.cc, argument);
      return true;
    case 'b':
      append_words(draft.bcc, argument);
      return true;
    case 'h': {
      const auto ask = [this](std::string_view prompt) {
        return host_.read_line(prompt).value_or("");
      };
      if (const auto to = ask("To: " + join(draft.to) + ' '); !to.empty())
        append_words(draft.to, to);
      if (const auto subject = ask("Subject: " + draft.subject + ' '); !subject.empty())
        draft.subject = subject;
      if (const auto cc = ask("Cc: " + join(draft.cc) + ' '); !cc.empty())
        append_words(draft.cc, cc);
      if (const auto bcc = ask("Bcc: " + join(draft.bcc) + ' '); !bcc.empty())
        append_words(draft.bcc, bcc);
      return true;
    }
    case 'r':
    case '<':
    case 'd': {
      if (escape != 'd' && argument.starts_with('!')) {
        const auto output = host_.capture(argument.substr(1), {});
        if (output)
          draft.text += *output;
        else
          complain(output.error());
        return true;
      }
      const std::string path = escape == 'd' ? variables_.get("DEAD", host_.home() + "/dead.letter")
                                             : expand_file_name(argument);
      const auto octets = host_.read_file(path);
      if (!octets) {
        complain(octets.error());
        return true;
      }
      draft.text += *octets;
      const auto lines = std::count(octets->begin(), octets->end(), '\n');
      host_.print('"' + path + "\" " + std::to_string(lines) + '/' +
                  std::to_string(octets->size()) + '\n');
      return true;
    }
    case 'f':
    case 'F':
    case 'm':
    case 'M': {
      const auto list = list_or_complain(argument, Among::Undeleted);
      if (!list) return true;
      host_.print("Interpolating: " + std::to_string(list->front()) +
                  (list->size() > 1 ? " ..." : "") + '\n');
      for (const auto number : *list) {
        const auto octets = folder_->read_all(number);
        if (!octets) {
          complain(octets.error());
          continue;
        }
        if (escape == 'm') {
          draft.text += quoted(number, true);
        } else {
          RenderOptions options;
          options.all_fields = escape == 'F' || escape == 'M';
          options.from_line = false;
          draft.text += render_message(folder_->at(number), *octets, filter_, options);
        }
      }
      return true;
    }
    case '@':
      for (const auto& path : split_words(argument)) {
        const auto octets = host_.read_file(expand_file_name(path));
        if (octets) {
          draft.attachments.push_back({base_name(path), *octets});
        } else {
          complain(octets.error());
        }
      }
      return true;
    case 'p': {
      std::string out = "-------\nMessage contains:\nTo: " + join(draft.to) + '\n';
      if (!draft.subject.empty()) out += "Subject: " + draft.subject + '\n';
      if (!draft.cc.empty()) out += "Cc: " + join(draft.cc) + '\n';
      if (!draft.bcc.empty()) out += "Bcc: " + join(draft.bcc) + '\n';
      for (const auto& attachment : draft.attachments)
        out += "Attachment: " + attachment.file_name + '\n';
      host_.print(message::make_printable(out + '\n' + draft.text));
      return true;
    }
    case 'e':
    case 'v': {
      auto edited = host_.edit(draft.text, escape == 'e' ? variables_.get("EDITOR", "ed")
                                                         : variables_.get("VISUAL", "vi"));
      if (edited)
        draft.text = *std::move(edited);
      else
        complain(edited.error());
      host_.print("(continue)\n");
      return true;
    }
    case 'w': {
      const auto made = host_.append_file(expand_file_name(argument), draft.text);
      if (!made) complain(made.error());
      return true;
    }
    case '|': {
      auto output = host_.capture(argument, draft.text);
      if (output)
        draft.text = *std::move(output);
      else
        complain(output.error());
      host_.print("(continue)\n");
      return true;
    }
    case '!':
      do_shell_command(argument);
      return true;
    case ':':
    case '_':
      static_cast<void>(execute(argument));
      return true;
    case '?':
      host_.print(kTildeHelp);
      return true;
    case '~':
      draft.text += std::string(line.substr(1)) + '\n';
      return true;
    default:
      host_.print_error("Unknown tilde escape.");
      return true;
  }
}

// Text until end of file, "." or "~."; false when it was given up.
bool Session::collect_text(Draft& draft) {
  const std::string escape = variables_.get("escape", "~");
  bool done = false;
  bool abort = false;
  while (!done) {
    const auto line = host_.read_line("");
    if (!line) break;
    if (host_.is_interactive()) {
      if (*line == "." && variables_.has("dot")) break;
      if (!escape.empty() && line->starts_with(escape.front()) &&
          apply_tilde(*line, draft, done, abort)) {
        continue;
      }
    }
    draft.text += *line + '\n';
  }
  return !abort;
}

int Session::compose_and_send(Draft draft) {
  if (host_.is_interactive()) {
    if (draft.subject.empty() && (variables_.has("ask") || variables_.has("asksub"))) {
      draft.subject = host_.read_line("Subject: ").value_or("");
    }
    if (!collect_text(draft)) {
      host_.print("(Interrupt -- message given up)\n");
      return 1;
    }
    const bool asks = variables_.has("askcc") || variables_.has("askbcc");
    if (variables_.has("askcc")) append_words(draft.cc, host_.read_line("Cc: ").value_or(""));
    if (variables_.has("askbcc")) append_words(draft.bcc, host_.read_line("Bcc: ").value_or(""));
    if (!asks) host_.print("EOT\n");
  } else if (!collect_text(draft)) {
    return 1;
  }
  if (draft.text.empty() && draft.attachments.empty()) {
    if (variables_.has("skipemptybody")) return 0;
    host_.print_error("Null message body; hope that's ok");
  }
  const auto keep = [&](const Error& error) {
    host_.print_error(error.log_text);
    const std::string dead = variables_.get("DEAD", host_.home() + "/dead.letter");
    if (const auto saved = host_.append_file(dead, draft.text); saved) {
      host_.print_error("\"" + dead + "\" holds the text");
    } else {
      host_.print_error(saved.error().log_text);
    }
    return 1;
  };
  const auto outgoing = finish_draft(draft, aliases_, host_);
  if (!outgoing) return keep(outgoing.error());
  if (const auto sent = host_.send(*outgoing); !sent) return keep(sent.error());
  if (const auto record = variables_.find("record"); record && !record->empty()) {
    const std::string from_line = "From " + host_.user_address() + "  " +
                                  message::format_asctime(message::to_local(
                                      std::chrono::floor<std::chrono::seconds>(host_.now()))) +
                                  '\n';
    const auto kept =
        host_.append_file(expand_file_name(*record), from_line + outgoing->message + '\n');
    if (!kept) host_.print_error(kept.error().log_text);
  }
  return 0;
}

Session::Next Session::do_mail(std::string_view argument) {
  Draft draft;
  append_words(draft.to, argument);
  if (draft.to.empty()) {
    host_.print_error("No recipients specified");
    return Next::Continue;
  }
  status_ |= compose_and_send(std::move(draft));
  return Next::Continue;
}

Session::Next Session::reply(std::string_view argument, bool to_all) {
  const auto list = list_or_complain(argument, Among::Undeleted);
  if (!list) return Next::Continue;
  const std::size_t number = list->front();
  current_ = number;
  Draft draft = make_reply(folder_->at(number), to_all, host_.user_address());
  host_.print("To: " + message::make_printable(join(draft.to)) + '\n');
  if (!draft.cc.empty()) host_.print("Cc: " + message::make_printable(join(draft.cc)) + '\n');
  host_.print("Subject: " + draft.subject + "\n\n");
  if (variables_.has("quote")) {
    draft.text = sender_of(folder_->at(number), true) + " wrote:\n\n" + quoted(number, true);
    if (host_.is_interactive()) host_.print(message::make_printable(draft.text));
  }
  mark_read(number);
  const int sent = compose_and_send(std::move(draft));
  status_ |= sent;
  if (sent == 0 && variables_.has("markanswered")) {
    folder_->at(number).flags.set(store::Flag::Answered);
    folder_->at(number).flags_changed = true;
  }
  return Next::Continue;
}

// Heirloom: lower case answers all, upper case the sender; `flipr` exchanges them.
Session::Next Session::do_reply_all(std::string_view argument) {
  return reply(argument, !variables_.has("flipr"));
}
Session::Next Session::do_reply_sender(std::string_view argument) {
  return reply(argument, variables_.has("flipr"));
}

Session::Next Session::do_forward(std::string_view argument) {
  const auto words = split_words(argument);
  if (words.empty()) {
    host_.print_error("No recipient specified.");
    return Next::Continue;
  }
  const std::string_view list_text =
      words.size() > 1 ? ascii::trim(argument.substr(0, argument.rfind(words.back())))
                       : std::string_view();
  const auto list = list_or_complain(list_text, Among::Undeleted);
  if (!list) return Next::Continue;
  current_ = list->front();
  const auto octets = folder_->read_all(current_);
  if (!octets) {
    host_.print_error(octets.error().log_text);
    return Next::Continue;
  }
  Draft draft;
  draft.to = {words.back()};
  draft.subject = "Fwd: " + decoded_field(folder_->at(current_).header, "subject");
  RenderOptions options;
  options.from_line = false;
  draft.text = "-------- Original Message --------\n" +
               render_message(folder_->at(current_), *octets, filter_, options);
  mark_read(current_);
  status_ |= compose_and_send(std::move(draft));
  return Next::Continue;
}

}  // namespace mail::reader
