#include "libmail/dns/message.h"

#include <arpa/inet.h>

#include <array>

#include "libmail/base/ascii.h"

namespace mail::dns {
namespace {

// Octets, RFC 1035 section 2.3.4 (255, with the first label's length and the root's).
constexpr std::size_t kMaxName = 255 - 2;
constexpr unsigned kClassIn = 1;
constexpr unsigned kIsResponse = 0x8000;   // QR, section 4.1.1
constexpr unsigned kMaxPointers = 32;      // compression pointers in one name
constexpr std::size_t kMaxRecords = 1000;  // in one answer

tl::unexpected<Error> broken() {
  return fail(Errc::Corrupt, EnhancedStatus{4, 4, 3}, "DNS answer damaged");
}

class Reader {
 public:
  explicit Reader(std::string_view octets) : octets_(octets) {}

  [[nodiscard]] std::size_t position() const { return at_; }
  Result<void> skip(std::size_t count) {
    if (count > octets_.size() - at_) return broken();
    at_ += count;
    return {};
  }
  Result<std::uint16_t> take16() {
    if (octets_.size() - at_ < 2) return broken();
    const auto value = static_cast<std::uint16_t>(octet(at_) << 8U | octet(at_ + 1));
    at_ += 2;
    return value;
  }
  Result<std::uint32_t> take32() {
    const std::uint32_t high = TRY(take16());
    const std::uint32_t low = TRY(take16());
    return high << 16U | low;
  }
  Result<std::string_view> take(std::size_t count) {
    if (count > octets_.size() - at_) return broken();
    const auto part = octets_.substr(at_, count);
    at_ += count;
    return part;
  }
  // A domain name with compression (section 4.1.4).
  Result<std::string> take_name() {
    std::string name;
    std::size_t at = at_;
    bool jumped = false;
    for (unsigned pointers = 0;;) {
      if (at >= octets_.size()) return broken();
      const unsigned length = octet(at);
      if ((length & 0xc0U) == 0xc0U) {
        if (at + 1 >= octets_.size() || ++pointers > kMaxPointers) return broken();
        const std::size_t target = (length & 0x3fU) << 8U | octet(at + 1);
        if (!jumped) at_ = at + 2;
        jumped = true;
        at = target;
        continue;
      }
      if ((length & 0xc0U) != 0) return broken();
      ++at;
      if (length == 0) break;
      if (length > octets_.size() - at) return broken();
      if (!name.empty()) name += '.';
      for (const char c : octets_.substr(at, length)) {
        // A dot or a control inside a label would make another name of it.
        name += c == '.' || ascii::is_control(c) || ascii::is_8bit(c) ? '?' : ascii::to_lower(c);
      }
      if (name.size() > kMaxName) return broken();
      at += length;
    }
    if (!jumped) at_ = at;
    return name;
  }

 private:
  [[nodiscard]] unsigned octet(std::size_t at) const {
    return static_cast<unsigned char>(octets_[at]);
  }

  std::string_view octets_;
  std::size_t at_ = 0;
};

Result<void> parse_record(Reader& in, Answer& answer) {
  Record record;
  record.name = TRY(in.take_name());
  const auto type = TRY(in.take16());
  const auto record_class = TRY(in.take16());
  record.ttl = TRY(in.take32());
  const auto length = TRY(in.take16());
  const std::size_t begin = in.position();
  record.type = static_cast<Type>(type);
  bool wanted = true;
  switch (record_class == kClassIn ? record.type : Type{}) {
    case Type::A:
    case Type::Aaaa: {
      const bool v4 = record.type == Type::A;
      if (length != (v4 ? 4 : 16)) return broken();
      const auto octets = TRY(in.take(length));
      std::array<char, INET6_ADDRSTRLEN> text{};
      ::inet_ntop(v4 ? AF_INET : AF_INET6, octets.data(), text.data(), text.size());
      record.data = text.data();
      break;
    }
    case Type::Mx:
      record.preference = TRY(in.take16());
      record.data = TRY(in.take_name());
      break;
    case Type::Cname:
      record.data = TRY(in.take_name());
      break;
    default:
      wanted = false;
      TRY(in.skip(length));
  }
  if (in.position() != begin + length) return broken();
  if (wanted && answer.records.size() < kMaxRecords) answer.records.push_back(std::move(record));
  return {};
}

}  // namespace

Result<Answer> parse_answer(std::string_view octets) {
  Reader in(octets);
  Answer answer;
  TRY(in.take16());  // id
  const auto flags = TRY(in.take16());
  if ((flags & kIsResponse) == 0) return broken();
  answer.rcode = flags & 15U;
  answer.truncated = (flags & 0x200U) != 0;
  const auto questions = TRY(in.take16());
  const auto answers = TRY(in.take16());
  TRY(in.take32());  // authority and additional sections are not read
  // Some servers send an error back without the question.
  if (questions > 1 || (questions == 0 && answer.rcode == 0)) return broken();
  if (questions == 1) {
    answer.question = TRY(in.take_name());
    TRY(in.skip(4));
  }
  for (unsigned i = 0; i < answers; ++i) TRY(parse_record(in, answer));
  return answer;
}

std::vector<Record> find_records(const Answer& answer, Type type) {
  std::vector<Record> found;
  std::string name = answer.question;
  // No chain is longer than there are records.
  for (std::size_t links = 0; links <= answer.records.size(); ++links) {
    const Record* alias = nullptr;
    for (const auto& record : answer.records) {
      if (record.name != name) continue;
      if (record.type == type) found.push_back(record);
      if (record.type == Type::Cname && alias == nullptr) alias = &record;
    }
    if (!found.empty() || alias == nullptr) break;
    name = alias->data;
  }
  return found;
}

}  // namespace mail::dns
