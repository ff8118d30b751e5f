#include "net/head_parser.h"

#include <gtest/gtest.h>

#include "base/bounds.h"

namespace i2m::net {
namespace {

/// "GET /path?query", or the refusal's code; "more" when the head is not complete.
std::string parsed(std::string_view text, std::size_t piece = std::string_view::npos) {
  HeadParser parser;
  std::string buffer;
  while (true) {
    const std::size_t n = std::min(piece, text.size());
    buffer.append(text.substr(0, n));
    text.remove_prefix(n);
    const auto step = parser.parse(buffer);
    buffer.erase(0, step.consumed);
    if (step.state == HeadParser::State::Done) break;
    if (text.empty()) return "more";
  }
  Request request;
  const Result<> good = parser.describe(request);
  if (!good) return std::string{meaning(good.error().code).name};
  std::string out = fmt::format("{} {}", name_of(request.method), request.path);
  if (!request.query.empty()) out += "?" + request.query;
  if (parser.chunked()) out += " chunked";
  if (const auto length = parser.content_length()) out += fmt::format(" {} bytes", *length);
  return out;
}

std::string post(std::string_view headers) { return fmt::format("POST /x HTTP/1.1\r\nHost: a\r\n{}\r\n", headers); }

TEST(HeadParser, ReadsWhatIsAskedFor) {
  EXPECT_EQ(parsed("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "GET /");
  EXPECT_EQ(parsed("HEAD /a%20b?c=%20&d HTTP/1.1\r\nHost: a\r\n\r\n"), "HEAD /a b?c=%20&d")
      << "the query stays as sent";
  EXPECT_EQ(parsed("GET /a+b?c HTTP/1.1\r\nHost: a\r\n\r\n"), "GET /a+b?c");
  EXPECT_EQ(parsed("GET /a+b%20c HTTP/1.1\r\nHost: a\r\n\r\n"), "GET /a+b c") << "a plus is a blank in a query only";
  EXPECT_EQ(parsed(post("Content-Length: 5\r\n")), "POST /x 5 bytes");
  EXPECT_EQ(parsed(post("Transfer-Encoding: chunked\r\n")), "POST /x chunked");
  EXPECT_EQ(parsed(post("transfer-encoding: Chunked\r\n")), "POST /x chunked");
  EXPECT_EQ(parsed("GET / HTTP/1.1\r\nHost: a\r\n"), "more");
}

TEST(HeadParser, HoweverTheBytesComeItReadsTheSame) {
  const std::string text = "GET /path?query HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 12\r\n\r\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece)
    EXPECT_EQ(parsed(text, piece), "GET /path?query 12 bytes") << piece;
}

TEST(HeadParser, RefusesWhatTwoReadersMightReadInTwoWays) {
  const std::pair<const char*, std::string> rows[] = {
      {"a length beside chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")},
      {"chunked beside a length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")},
      {"two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n")},
      {"the same length twice", post("Content-Length: 5\r\nContent-Length: 5\r\n")},
      {"a list of lengths", post("Content-Length: 5, 6\r\n")},
      {"a signed length", post("Content-Length: +5\r\n")},
      {"a negative length", post("Content-Length: -5\r\n")},
      {"a length in hex", post("Content-Length: 0x5\r\n")},
      {"no length", post("Content-Length: \r\n")},
      {"a length beyond 64 bits", post("Content-Length: 99999999999999999999\r\n")},
      {"chunked twice", post("Transfer-Encoding: chunked, chunked\r\n")},
      {"chunked in two headers", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
      {"chunked and then something", post("Transfer-Encoding: chunked, identity\r\n")},
      {"something and then chunked", post("Transfer-Encoding: gzip, chunked\r\n")},
      {"something that is not chunked", post("Transfer-Encoding: gzip\r\n")},
      {"something like chunked", post("Transfer-Encoding: xchunked\r\n")},
      {"something like chunked beside a length", post("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n")},
      {"identity beside a length", post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n")},
      {"a vertical tab before chunked", post("Transfer-Encoding: \x0b"
                                             "chunked\r\n")},
      {"a blank before the colon", post("Transfer-Encoding : chunked\r\n")},
      {"a blank before the colon of a length", post("Content-Length : 5\r\n")},
      {"a folded header", post("X: a\r\n b\r\n")},
      {"a folded length", post("Content-Length:\r\n 5\r\n")},
      {"a header without a name", post(": x\r\n")},
      {"a header without a colon", post("Content-Length 5\r\n")},
      {"a NUL in a header", post(std::string("X: a\0b\r\n", 8))},
      {"bare line feeds", "POST /x HTTP/1.1\nHost: a\n\n"},
      {"one bare line feed", "POST /x HTTP/1.1\r\nHost: a\nContent-Length: 5\r\n\r\n"},
      {"a bare carriage return", "POST /x HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"},
      {"a target that is no path", "GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a star", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"no version", "GET /\r\nHost: a\r\n\r\n"},
      {"another protocol", "GET / HTTQ/1.1\r\nHost: a\r\n\r\n"},
      {"version 2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
      {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15)},
      {"a percent alone", "GET /% HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a percent that is not hex", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"a NUL in the path", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"},
  };
  for (const auto& [name, text] : rows) {
    EXPECT_EQ(parsed(text), "malformed") << name;
    // Without a single line break of its kind a head never ends, and its time runs out.
    const std::string slowly = parsed(text, 1);
    EXPECT_TRUE(slowly == "malformed" || (slowly == "more" && !text.contains("\r\n")))
        << name << ", byte by byte: " << slowly;
  }
}

TEST(HeadParser, LeavesMethodsThatNobodyOffersToTheRouter) {
  for (const char* method : {"TRACE", "CONNECT", "OPTIONS", "PROPFIND"}) {
    EXPECT_EQ(parsed(fmt::format("{} / HTTP/1.1\r\nHost: a\r\n\r\n", method)), "OTHER /") << method;
  }
}

TEST(HeadParser, BoundsTheHead) {
  const auto with_header_of = [](std::size_t bytes) {
    return fmt::format("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", std::string(bytes, 'x'));
  };
  EXPECT_EQ(parsed(with_header_of(bounds::header_bytes_max - 200)), "GET /");
  EXPECT_EQ(parsed(with_header_of(bounds::header_bytes_max)), "headers_too_large");
  EXPECT_EQ(parsed("GET /" + std::string(bounds::header_bytes_max, 'a')), "headers_too_large");
}

TEST(HeadParser, BelievesOnlyTheLastAddressOfAProxy) {
  const auto forwarded = [](std::string_view value) {
    HeadParser parser;
    const std::string text = fmt::format("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {}\r\n\r\n", value);
    parser.parse(text);
    return parser.forwarded_for().value_or("none");
  };
  EXPECT_EQ(forwarded("1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(forwarded("6.6.6.6, 1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(forwarded(std::string(100, '1')), "none");
}

}  // namespace
}  // namespace i2m::net
