#include "libmail/address/path.h"

namespace mail::address {
namespace {

// A-d-l = At-domain *( "," At-domain ), with its ":" behind. RFC 5321 appendix C: ignored.
Result<void> skip_source_route(Cursor& in, const PathLimits& limits) {
  if (!in.peek_is('@')) return {};
  do {
    TRY(in.expect('@'));
    TRY(parse_domain(in, limits));
  } while (in.consume(','));
  return in.expect(':');
}

tl::unexpected<Error> refuse(Error error) {
  error.status = {5, 1, 3};  // RFC 3463: bad address syntax
  return fail(std::move(error));
}

// Behind "<": [ A-d-l ":" ] Mailbox ">"
Result<AddrSpec> parse_path_tail(Cursor& in, const PathLimits& limits) {
  const std::size_t begin = in.position();
  TRY(skip_source_route(in, limits));
  AddrSpec addr_spec = TRY(parse_addr_spec(in, limits));
  TRY(in.expect('>'));
  if (in.since(begin).size() + 1 > limits.path) return fail(Errc::TooLarge, "path too long");
  return addr_spec;
}

}  // namespace

// Reverse-path = Path / "<>"
Result<ReversePath> parse_reverse_path(Cursor& in, const PathLimits& limits) {
  const std::size_t begin = in.position();
  if (in.consume("<>")) return ReversePath{};
  if (!in.consume('<')) return refuse(make_error(Errc::Syntax, "expected '<'"));
  auto addr_spec = parse_path_tail(in, limits);
  if (!addr_spec) {
    in.rewind(begin);
    return refuse(std::move(addr_spec).error());
  }
  return ReversePath{std::move(*addr_spec)};
}

// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
Result<ForwardPath> parse_forward_path(Cursor& in, const PathLimits& limits) {
  const std::size_t begin = in.position();
  if (!in.consume('<')) return refuse(make_error(Errc::Syntax, "expected '<'"));
  const auto name = in.rest().substr(0, std::string_view("postmaster").size());
  if (in.consume_nocase("postmaster") && in.consume('>')) {
    return ForwardPath{{std::string(name), {}}};
  }
  in.rewind(begin + 1);
  auto addr_spec = parse_path_tail(in, limits);
  if (!addr_spec) {
    in.rewind(begin);
    return refuse(std::move(addr_spec).error());
  }
  return ForwardPath{std::move(*addr_spec)};
}

std::string to_plain_string(const ReversePath& path) {
  return path.addr_spec ? to_string(*path.addr_spec) : std::string{};
}
std::string to_string(const ReversePath& path) { return "<" + to_plain_string(path) + ">"; }
std::string to_string(const ForwardPath& path) { return "<" + to_string(path.addr_spec) + ">"; }

}  // namespace mail::address
