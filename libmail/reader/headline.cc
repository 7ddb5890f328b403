#include "libmail/reader/headline.h"

#include <algorithm>
#include <array>

#include "libmail/address/address_list.h"
#include "libmail/base/ascii.h"
#include "libmail/base/cursor.h"
#include "libmail/message/date.h"
#include "libmail/message/display_width.h"
#include "libmail/message/encoded_word.h"
#include "libmail/reader/render.h"

namespace mail::reader {
namespace {

enum Mark : std::size_t {
  New,
  Unread,
  NewRead,
  OldRead,
  Saved,
  Preserved,
  ToMbox,
  Flagged,
  Answered,
  Draft
};

// "Fri Jul 10 09:58" of a From_ line, as it stands there: a wrong weekday is not ours to mend.
std::string short_date_of_from_line(std::string_view line) {
  const auto words = ascii::words(line);
  constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu",
                                                     "Fri", "Sat", "Sun"};
  for (std::size_t i = 2; i + 3 < words.size(); ++i) {
    if (std::find(kDays.begin(), kDays.end(), words.at(i)) == kDays.end()) continue;
    std::string day(words.at(i + 2));
    if (day.size() == 1) day.insert(0, 1, ' ');
    return std::string(words.at(i)) + ' ' + std::string(words.at(i + 1)) + ' ' + day + ' ' +
           std::string(words.at(i + 3).substr(0, 5));
  }
  return {};
}

std::string date_of(const Entry& entry, const Variables& variables) {
  if (!variables.has("datefield")) {
    if (auto date = short_date_of_from_line(entry.from_line); !date.empty()) return date;
  }
  const auto date = message::parse_date(entry.header.find("date").value_or(""));
  return date ? message::format_asctime(*date).substr(0, 16) : std::string();
}

// Pads or cuts to |width| cells; negative: left-justified.
std::string fit(std::string text, int width) {
  const auto wanted = static_cast<std::size_t>(width < 0 ? -width : width);
  if (wanted == 0) return text;
  text = std::string(message::cut_to_width(text, wanted));
  const std::size_t have = message::display_width(text);
  if (have >= wanted) return text;
  return width < 0 ? text + std::string(wanted - have, ' ')
                   : std::string(wanted - have, ' ') + text;
}

std::vector<address::NameAddr> addresses_of(const Entry& entry, std::string_view field) {
  return address::flatten(address::parse_address_list(entry.header.find(field).value_or("")));
}

}  // namespace

std::string decoded_field(const message::HeaderSection& header, std::string_view field) {
  return message::make_printable(message::decode_encoded_words(header.find(field).value_or("")));
}

std::string sender_address(const Entry& entry) {
  for (const char* field : {"from", "sender"}) {
    const auto found = addresses_of(entry, field);
    if (!found.empty()) return address::to_string(found.front().addr_spec);
  }
  // No originator field: the envelope's sender.
  const auto words = ascii::words(entry.from_line);
  return words.size() > 1 ? std::string(words.at(1)) : std::string();
}

std::string sender_of(const Entry& entry, bool show_name) {
  if (show_name) {
    for (const char* field : {"from", "sender"}) {
      const auto found = addresses_of(entry, field);
      if (found.empty()) continue;
      if (auto name = message::make_printable(message::decode_name(found.front())); !name.empty())
        return name;
      break;
    }
  }
  return message::make_printable(sender_address(entry));
}

bool is_from(const Entry& entry, std::string_view pattern) {
  const std::string address = sender_address(entry);
  if (ascii::iequals(address, pattern)) return true;
  if (ascii::iequals(std::string_view(address).substr(0, address.find('@')), pattern)) return true;
  return sender_of(entry, true).find(pattern) != std::string::npos;
}

char mark_of(const Entry& entry, const Variables& variables) {
  const bool bsd = variables.has("bsdcompat") || variables.has("bsdflags");
  std::string marks = variables.get("attrlist");
  const std::string_view standard = bsd ? kBsdMarks : kPlainMarks;
  if (marks.size() < standard.size()) marks += standard.substr(marks.size());
  // Later rows win, as in Heirloom.
  std::size_t index = entry.is_read ? (entry.is_new ? Mark::NewRead : Mark::OldRead)
                                    : (entry.is_new ? Mark::New : Mark::Unread);
  if (entry.flags.has(store::Flag::Answered)) index = Mark::Answered;
  if (entry.flags.has(store::Flag::Flagged)) index = Mark::Flagged;
  if (entry.flags.has(store::Flag::Draft)) index = Mark::Draft;
  if (entry.saved) index = Mark::Saved;
  if (entry.preserved) index = Mark::Preserved;
  if (entry.to_mbox) index = Mark::ToMbox;
  return marks.at(index);
}

std::string format_headline(const Folder& folder, std::size_t number,
                            const HeadlineContext& context) {
  const Entry& entry = folder.at(number);
  const Variables& variables = context.variables;
  const bool bsd = variables.has("bsdcompat") || variables.has("bsdheadline");
  const std::string format = variables.get("headline", bsd ? kBsdHeadline : kPlainHeadline);
  std::string out;
  Cursor in{format};
  while (!in.at_end()) {
    const char c = in.next();
    if (c != '%') {
      out += c;
      continue;
    }
    const bool left = in.consume('-');
    int width = ascii::to_number<int>(in.take_while(ascii::is_digit)).value_or(0);
    if (width > 1000) width = 1000;
    switch (in.next()) {
      case '>':
        out += number == context.current ? '>' : ' ';
        break;
      case '<':
        out += number == context.current ? '<' : ' ';
        break;
      case '%':
        out += '%';
        break;
      case 'a':
        out += mark_of(entry, variables);
        break;
      case 'm':
        out += fit(std::to_string(number), width != 0 ? width : (folder.size() > 999 ? 4 : 3));
        break;
      case 'f': {  // names are left-justified always, as in Heirloom
        std::string name = sender_of(entry, variables.has("showname"));
        if (variables.has("showto") && ascii::iequals(sender_address(entry), context.own_address)) {
          const auto to = addresses_of(entry, "to");
          if (!to.empty()) {
            const std::string shown = message::make_printable(message::decode_name(to.front()));
            name = "To " + (variables.has("showname") && !shown.empty()
                                ? shown
                                : address::to_string(to.front().addr_spec));
          }
        }
        out += fit(std::move(name), -width);
        break;
      }
      case 'd':
        out += fit(date_of(entry, variables), -width);
        break;
      case 'l':
        out += fit(std::to_string(entry.lines), left ? -width : width);
        break;
      case 'o':
        out += fit(std::to_string(entry.octets), left ? -width : width);
        break;
      case 'U':
        out += fit(std::to_string(entry.uid.value), left ? -width : width);
        break;
      case 't':
        out += fit(std::to_string(number), left ? -width : width);
        break;
      case 's':
      case 'S': {
        const bool quoted = format.at(in.position() - 1) == 'S';
        const std::string subject = decoded_field(entry.header, "subject");
        if (subject.empty()) break;
        // What is left of the line; Heirloom leaves its last two columns free.
        const std::size_t used = message::display_width(out) + 2 + (quoted ? 2 : 0);
        const std::size_t room = width != 0 ? static_cast<std::size_t>(width)
                                            : (context.width > used ? context.width - used : 0);
        const std::string cut(message::cut_to_width(subject, room));
        out += quoted ? '"' + cut + '"' : cut;
        break;
      }
      default:  // %i %e %c: no threads and scores here
        break;
    }
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string format_summary(const Folder& folder) {
  const Counts counts = folder.count();
  std::string out = '"' + folder.name() + "\": " + std::to_string(counts.messages) + " message" +
                    (counts.messages == 1 ? "" : "s");
  if (counts.new_ones > 0) out += ' ' + std::to_string(counts.new_ones) + " new";
  // Unread counts new ones too (S67), so it is told only when it says more.
  if (counts.unread > counts.new_ones) out += ' ' + std::to_string(counts.unread) + " unread";
  if (counts.deleted > 0) out += ' ' + std::to_string(counts.deleted) + " deleted";
  return out;
}

}  // namespace mail::reader
