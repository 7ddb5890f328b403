// Session: mail-reader's command language over a Folder (POSIX mailx with Heirloom's extensions;
// spec/mail-reader sections 5.2 to 5.6). Knows no descriptors: Host is its edge.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libmail/base/result.h"
#include "libmail/reader/compose.h"
#include "libmail/reader/folder.h"
#include "libmail/reader/headline.h"
#include "libmail/reader/host.h"
#include "libmail/reader/message_list.h"
#include "libmail/reader/render.h"
#include "libmail/reader/variables.h"
#include "libmail/reader/words.h"

namespace mail::reader {

// What the session starts with; an rc file is a sequence of commands run before the first prompt.
struct Start {
  std::string banner;             // "Tubepost mail-reader version 0.1.0.  Type ? for help."
  bool is_system_mailbox = true;  // false: -f FILE, ends with "FILE" complete
  bool quiet = false;             // -N: no banner, summary, headers
  std::string mbox = "mbox";      // ~/mbox: where read mail goes without hold
};

class Session {
 public:
  // Opens another folder by what the user typed after `file`: path, %, %user, &, +name.
  using OpenFolder = std::function<Result<Folder>(std::string_view)>;

  Session(Host& host, Variables variables, FieldFilter filter);

  // Rc files and `source`: commands without a folder; mistakes are told and passed over.
  void run_script(std::string_view text);

  // Reads commands until quit, exit or end of file; the exit status.
  int run(Folder folder, const Start& start, OpenFolder open_folder);
  // `mail -H`: the header list alone, pointer on message 1.
  void print_headers_only(Folder folder);
  // Send mode: text from the host until end of file, "~." or "." ; the exit status.
  int compose_and_send(Draft draft);

  Variables& variables() { return variables_; }

 private:
  enum class Next : std::uint8_t { Continue, Quit, Exit };
  struct Command;  // row of the command table
  friend struct CommandTable;

  Next execute(std::string_view line);
  Next dispatch(const Command& command, std::string_view argument);
  static const Command* find_command(std::string_view name);

  // Message lists, current message, listings.
  std::optional<std::vector<std::size_t>> list_or_complain(std::string_view text, Among among);
  void print_summary();
  void print_header_screen();
  [[nodiscard]] std::size_t screen_lines() const;
  [[nodiscard]] HeadlineContext headline_context() const;
  void move_to_next_undeleted();
  void announce_new_mail();
  void show(std::size_t number, const RenderOptions& options);
  void show_list(std::string_view argument, const RenderOptions& options);
  void mark_read(std::size_t number);

  // Commands; each answers with what happens next.
  Next do_print(std::string_view argument);
  Next do_print_all(std::string_view argument);
  Next do_show_raw(std::string_view argument);
  Next do_next(std::string_view argument);
  Next do_previous(std::string_view argument);
  Next do_headers(std::string_view argument);
  Next do_scroll(std::string_view argument);
  Next do_from(std::string_view argument);
  Next do_delete(std::string_view argument);
  Next do_delete_print(std::string_view argument);
  Next do_undelete(std::string_view argument);
  Next do_quit(std::string_view argument);
  Next do_exit(std::string_view argument);
  Next do_save(std::string_view argument);
  Next do_copy(std::string_view argument);
  Next do_write(std::string_view argument);
  Next do_hold(std::string_view argument);
  Next do_mbox(std::string_view argument);
  Next do_touch(std::string_view argument);
  Next do_reply_all(std::string_view argument);
  Next do_reply_sender(std::string_view argument);
  Next do_mail(std::string_view argument);
  Next do_forward(std::string_view argument);
  Next do_file(std::string_view argument);
  Next do_top(std::string_view argument);
  Next do_size(std::string_view argument);
  Next do_number(std::string_view argument);
  Next do_unread(std::string_view argument);
  Next do_flag(std::string_view argument);
  Next do_unflag(std::string_view argument);
  Next do_answered(std::string_view argument);
  Next do_set(std::string_view argument);
  Next do_unset(std::string_view argument);
  Next do_alias(std::string_view argument);
  Next do_unalias(std::string_view argument);
  Next do_ignore(std::string_view argument);
  Next do_retain(std::string_view argument);
  Next do_pipe(std::string_view argument);
  Next do_shell_command(std::string_view argument);
  Next do_shell(std::string_view argument);
  Next do_cd(std::string_view argument);
  Next do_echo(std::string_view argument);
  Next do_source(std::string_view argument);
  Next do_list(std::string_view argument);
  Next do_help(std::string_view argument);
  Next do_version(std::string_view argument);
  Next do_inc(std::string_view argument);
  Next do_comment(std::string_view argument);

  Next save_to_file(std::string_view argument, bool mark_saved, bool bodies_only);
  Next reply(std::string_view argument, bool to_all);
  bool collect_text(Draft& draft);
  bool apply_tilde(std::string_view line, Draft& draft, bool& done, bool& abort);
  [[nodiscard]] std::string quoted(std::size_t number, bool with_prefix);
  bool finish_folder();
  std::string expand_file_name(std::string_view name) const;

  Host& host_;
  Variables variables_;
  FieldFilter filter_;
  PersonalAliases aliases_;
  std::optional<Folder> folder_;
  Start start_;
  OpenFolder open_folder_;
  std::size_t current_ = 0;
  std::size_t screen_ = 0;  // first message of the header screen shown
  bool at_start_ = true;    // newline shows the current message before it moves on
  int status_ = 0;
  int source_depth_ = 0;
};

}  // namespace mail::reader
