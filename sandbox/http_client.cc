#include "sandbox/http_client.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/url/parse.hpp>

#include "base/wait.h"

namespace i2m::sandbox {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Stream = boost::beast::basic_stream<tcp, Executor>;
using Resolver = asio::ip::basic_resolver<tcp, Executor>;

namespace {
constexpr unsigned http_1_1 = 11;

http::request<http::string_body> message_of(const std::string& method, const boost::urls::url_view& url,
                                            const Headers& headers, std::string body) {
  std::string target{url.encoded_target()};
  if (!target.starts_with('/')) target.insert(0, "/");
  http::request<http::string_body> message{http::string_to_verb(method), target, http_1_1};
  message.set(http::field::host, std::string{url.encoded_host_and_port()});
  message.set(http::field::connection, "close");
  for (const auto& [name, value] : headers) message.set(name, value);
  message.body() = std::move(body);
  if (method != "GET") message.prepare_payload();
  return message;
}
}  // namespace

Task<Fetched> exchange(asio::io_context& io, std::string method, std::string url, Headers headers, std::string body,
                       Milliseconds timeout, std::uint64_t body_bytes_max) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || parsed->scheme() != "http") co_return fail(Code::Unavailable, "not an http URL: " + url);
  const auto message = message_of(method, *parsed, headers, std::move(body));
  const std::string port = parsed->has_port() ? std::string{parsed->port()} : "80";
  Resolver resolver{io};
  const auto [no_name, places] = co_await resolver.async_resolve(std::string{parsed->host_address()}, port, awaiting);
  if (no_name) co_return fail(Code::Unavailable, no_name.message());
  Stream stream{io};
  stream.expires_after(timeout);
  const auto [no_connection, place] = co_await stream.async_connect(places, awaiting);
  if (no_connection) co_return fail(Code::Unavailable, no_connection.message());
  const auto [not_sent, sent] = co_await http::async_write(stream, message, awaiting);
  if (not_sent) co_return fail(Code::Unavailable, not_sent.message());
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> answer;
  answer.body_limit(body_bytes_max);
  const auto [not_read, read] = co_await http::async_read(stream, buffer, answer, awaiting);
  if (not_read) co_return fail(Code::Unavailable, not_read.message());
  const auto type = answer.get()[http::field::content_type];
  co_return Fetched{static_cast<int>(answer.get().result_int()), std::string{type.data(), type.size()},
                    std::move(answer.get().body())};
}

}  // namespace i2m::sandbox
