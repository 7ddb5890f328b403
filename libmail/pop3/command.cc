#include "libmail/pop3/command.h"

#include "libmail/base/ascii.h"

namespace mail::pop3 {

Command parse_command(std::string_view line) {
  const auto space = line.find(' ');
  Command command;
  command.verb = ascii::to_upper(ascii::trim(line.substr(0, space)));
  if (space != std::string_view::npos) command.argument = line.substr(space + 1);
  return command;
}

Result<std::uint32_t> parse_number(std::string_view argument) {
  const auto number = ascii::to_number<std::uint32_t>(ascii::trim(argument));
  if (!number || *number == 0) return fail(Errc::Syntax, "Invalid message number");
  return *number;
}

Result<TopArguments> parse_top(std::string_view argument) {
  const auto words = ascii::words(argument, " ");
  if (words.size() != 2)
    return fail(Errc::Syntax, "TOP takes a message number and a count of lines");
  TopArguments arguments;
  arguments.number = TRY(parse_number(words.front()));
  const auto lines = ascii::to_number<std::uint64_t>(words.back());
  if (!lines) return fail(Errc::Syntax, "Invalid line count");
  arguments.lines = *lines;
  return arguments;
}

}  // namespace mail::pop3
