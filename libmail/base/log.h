// Log lines: to descriptor 2 with systemd's <N> prefix, or to syslog(3); never to descriptor 2 when
// that is the client's socket (inetd, StandardInput=socket; DESIGN.md section 2).
//
// Shapes are those of Postfix and Dovecot, so that pflogsumm and fail2ban's stock filters work; the
// functions that make them stand beside what they tell about (docs/log-lines.md lists them all).
#pragma once

#include <string>
#include <string_view>

namespace mail::log {

enum class Level { Error = 3, Warning = 4, Notice = 5, Info = 6, Debug = 7 };  // as syslog's

enum class Sink { Stderr, Syslog, Discard };

// Decides once where lines go and opens it; before any confinement. `program` is the syslog ident
// ("smtp-recv" shows as tubepost/smtp-recv). Without a call, lines go to descriptor 2 plainly.
void open(std::string_view program);
void open(std::string_view program, Sink sink);

void write(Level level, std::string_view line);  // one line; escapes what is left of controls
inline void error(std::string_view line) { write(Level::Error, line); }
void error_lines(std::string_view text);  // each line on its own: lists of mistakes
inline void warning(std::string_view line) { write(Level::Warning, line); }
inline void info(std::string_view line) { write(Level::Info, line); }

// Untrusted octets for a log line: controls, quotes' backslash and invalid UTF-8 as \xHH, cut at
// `limit` octets with "...".
std::string escape(std::string_view octets, std::size_t limit = 200);

}  // namespace mail::log
