#include "net/head_parser.h"

#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/bounds.h"

namespace i2m::net {
namespace http = boost::beast::http;

struct HeadParser::Impl {
  http::request_parser<http::empty_body> parser;
  boost::system::error_code error;
};

HeadParser::HeadParser() : impl_{std::make_unique<Impl>()} {
  impl_->parser.header_limit(static_cast<std::uint32_t>(bounds::header_bytes_max));
  impl_->parser.body_limit(boost::none);
  impl_->parser.eager(false);
  impl_->parser.skip(true);  // the body is read by whoever wants it, in its own way
}

HeadParser::~HeadParser() = default;

HeadParser::Step HeadParser::parse(std::span<const char> bytes) {
  boost::system::error_code error;
  const std::size_t consumed = impl_->parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error == http::error::need_more) return {State::NeedMore, consumed};
  // Beast joins folded lines; a proxy in front of us may not. All of the fields are parsed in one step.
  const std::string_view fields{bytes.data(), consumed};
  if (!error && (fields.contains("\r\n ") || fields.contains("\r\n\t"))) error = http::error::bad_field;
  if (error) {
    impl_->error = error;
    return {State::Done, consumed};
  }
  return {impl_->parser.is_header_done() ? State::Done : State::NeedMore, consumed};
}

Result<> HeadParser::describe(Request& request) const {
  if (impl_->error == http::error::header_limit) return fail(Code::HeadersTooLarge);
  if (impl_->error) return refuse(Code::Malformed, "", "This is not a well-formed HTTP/1.1 request.");
  const auto& head = impl_->parser.get();
  // Beast passes over a coding that it does not know, and the body would be taken for the next request.
  if (const auto coding = head.find(http::field::transfer_encoding);
      coding != head.end() && !boost::beast::iequals(coding->value(), "chunked")) {
    return refuse(Code::Malformed, "", "Transfer-Encoding can only be chunked.");
  }
  if (head.count(http::field::content_length) > 1) return refuse(Code::Malformed, "", "Content-Length is given twice.");
  if (head.version() >= 11 && head.count(http::field::host) != 1) {
    return refuse(Code::Malformed, "Host", "The request must name its host, once.");
  }
  switch (head.method()) {
    case http::verb::get:
      request.method = Method::Get;
      break;
    case http::verb::head:
      request.method = Method::Head;
      break;
    case http::verb::post:
      request.method = Method::Post;
      break;
    case http::verb::put:
      request.method = Method::Put;
      break;
    case http::verb::patch:
      request.method = Method::Patch;
      break;
    case http::verb::delete_:
      request.method = Method::Delete;
      break;
    default:
      request.method = Method::Other;  // which ones the address does take, the router tells
  }
  const std::string_view target{head.target().data(), head.target().size()};
  if (!target.starts_with('/')) return refuse(Code::Malformed, "", "The request's target must be a path.");
  const std::size_t question = std::min(target.find('?'), target.size());
  request.query = target.substr(std::min(question + 1, target.size()));
  const std::string_view path = target.substr(0, question);
  if (path.find('%') == std::string_view::npos) {
    request.path = path;
  } else {
    TRY(request.path, percent_decoded(path));
  }
  request.keep_alive = head.keep_alive();
  return {};
}

std::string_view HeadParser::header(std::string_view name) const {
  const auto& head = impl_->parser.get();
  const auto found = head.find(boost::beast::string_view{name.data(), name.size()});
  if (found == head.end()) return {};
  return {found->value().data(), found->value().size()};
}

bool HeadParser::chunked() const { return impl_->parser.chunked(); }

std::optional<std::uint64_t> HeadParser::content_length() const {
  const auto length = impl_->parser.content_length();
  if (!length) return std::nullopt;
  return *length;
}

bool HeadParser::expects_continue() const { return boost::beast::iequals(header("expect"), "100-continue"); }

std::optional<std::string> HeadParser::forwarded_for() const {
  // A proxy adds to the client's line or puts its own behind it: the last of the last line is what ours has seen.
  const auto lines = impl_->parser.get().equal_range("X-Forwarded-For");
  if (lines.first == lines.second) return std::nullopt;
  const auto value = std::prev(lines.second)->value();
  std::string_view last{value.data(), value.size()};
  if (const std::size_t comma = last.rfind(','); comma != std::string_view::npos) last.remove_prefix(comma + 1);
  while (last.starts_with(' ') || last.starts_with('\t')) last.remove_prefix(1);
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(last, ec);
  if (ec) return std::nullopt;
  return address.to_string();
}

}  // namespace i2m::net
