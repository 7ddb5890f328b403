// Index files whose pages are whole and whose contents are anything: refused, or a State that can
// be written and read again. The input: where seven sections lie (16 bits each for place and
// length), and the stream behind the header.
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "libmail/base/log.h"
#include "libmail/store/state.h"

namespace {

using namespace mail::store;

void check(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string> lines_of(State& state) {
  std::vector<std::string> lines;
  if (!state.names.load()) return lines;
  put_lines(state, 0, 0, [&](const std::string& line) { lines.push_back(line); });
  return lines;
}

std::uint64_t take_16(std::string_view& in) {
  if (in.size() < 2) return 0;
  const auto value = static_cast<std::uint64_t>(static_cast<unsigned char>(in[0])) << 8U |
                     static_cast<unsigned char>(in[1]);
  in.remove_prefix(2);
  return value;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mail::log::open("fuzz", mail::log::Sink::Discard);
  static const std::string path = "/tmp/tubepost-index-" + std::to_string(::getpid());
  std::string_view input{reinterpret_cast<const char*>(data), size};
  IndexHeader header;
  for (Section* section : {&header.text, &header.keywords, &header.messages, &header.doomed,
                           &header.vanished, &header.names, &header.format}) {
    section->at = sizeof(IndexHeader) + take_16(input);
    section->octets = take_16(input);
  }
  {
    IndexWriter writer{path};
    writer.put(input);
    check(writer.finish(header).has_value());
  }
  const auto index = Index::open(path);
  if (index) {
    auto state = read_state(index);
    if (state) {
      for (const std::uint32_t uid : {0U, 1U, 2U, UINT32_MAX}) {
        static_cast<void>(state->messages.fetch({uid}));
      }
      static_cast<void>(state->messages.first_unseen());
    }
    if (state && state->messages.load()) {
      for (const Entry& entry : state->messages) static_cast<void>(state->word_of(entry.key()));
      const auto lines = lines_of(*state);
      IndexWriter writer{path};
      IndexHeader again;
      write_state(*state, writer, again);
      again.format = writer.end_section();
      check(writer.finish(again).has_value());
      const auto second = Index::open(path);
      check(second != nullptr);
      auto same = read_state(second);
      check(same.has_value() && same->messages.load() && lines_of(*same) == lines);
    }
    static_cast<void>(index->read(header.format));
  }
  ::unlink(path.c_str());
  return 0;
}
