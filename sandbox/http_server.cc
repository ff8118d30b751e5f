#include "sandbox/http_server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/wait.h"

namespace i2m::sandbox {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Parser = http::request_parser<http::string_body>;

namespace {

constexpr std::uint32_t head_bytes_max = 64 << 10;
constexpr int backlog = 4096;

/// A body of unknown length ends with the connection, so a stream needs no chunks.
class SocketSink final : public EventSink {
 public:
  explicit SocketSink(Socket& socket) : socket_{socket} {}
  Co<bool> write(std::string block) override {
    const auto [ec, n] = co_await asio::async_write(socket_, asio::buffer(block), awaiting);
    co_return !ec;
  }

 private:
  Socket& socket_;
};

Request request_of(Parser::value_type message) {
  Request request;
  request.method = std::string_view{message.method_string().data(), message.method_string().size()};
  const std::string_view target{message.target().data(), message.target().size()};
  const std::size_t question = std::min(target.find('?'), target.size());
  request.path = target.substr(0, question);
  request.query = target.substr(std::min(question + 1, target.size()));
  for (const auto& field : message) {
    std::string name{field.name_string().data(), field.name_string().size()};
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers.emplace_back(std::move(name), std::string{field.value().data(), field.value().size()});
  }
  request.body = std::move(message.body());
  return request;
}

std::string head_of(const Reply& reply, bool keep) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(reply.status));
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", reply.status, std::string_view{reason.data(), reason.size()});
  fmt::format_to(std::back_inserter(head), "content-type: {}\r\n",
                 reply.stream ? "text/event-stream" : reply.content_type);
  if (!reply.stream) {
    fmt::format_to(std::back_inserter(head), "content-length: {}\r\n", reply.body ? reply.body->size() : 0);
  }
  for (const auto& [name, value] : reply.headers) head.append(name).append(": ").append(value).append("\r\n");
  head.append(keep ? "\r\n" : "connection: close\r\n\r\n");
  return head;
}

Co<bool> send(Socket& socket, std::string_view bytes) {
  const auto [ec, n] = co_await asio::async_write(socket, asio::buffer(bytes), awaiting);
  co_return !ec;
}

/// False: the connection is done.
Co<bool> answer(Socket& socket, const Reply& reply, std::string_view method, bool keep) {
  if (reply.dropped) co_return false;
  keep = keep && !reply.stream && !reply.cut_at;
  const std::string head = head_of(reply, keep);
  std::size_t sent = 0;
  if (reply.head_stalls.count() > 0) {
    sent = head.find("\r\n") + 2;
    if (!co_await send(socket, std::string_view{head}.substr(0, sent))) co_return false;
    Timer stall{socket.get_executor(), reply.head_stalls};
    co_await stall.async_wait(awaiting);
  }
  if (!co_await send(socket, std::string_view{head}.substr(sent))) co_return false;
  if (method == "HEAD") co_return keep;
  if (reply.stream) {
    SocketSink sink{socket};
    co_await reply.stream(sink);
    co_return false;
  }
  if (!reply.body) co_return keep;
  const std::string_view body = *reply.body;
  co_return co_await send(socket, body.substr(0, reply.cut_at.value_or(body.size()))) && keep;
}

Co<void> serve(Socket socket, std::shared_ptr<const HttpServer::Handler> handler) {
  socket.set_option(tcp::no_delay{true});
  boost::beast::flat_buffer buffer;
  for (bool keep = true; keep;) {
    Parser parser;
    parser.header_limit(head_bytes_max);
    parser.body_limit(HttpServer::body_bytes_max);
    auto [head_error, head_bytes] = co_await http::async_read_header(socket, buffer, parser, awaiting);
    if (head_error) break;
    if (boost::beast::iequals(parser.get()[http::field::expect], "100-continue") &&
        !co_await send(socket, "HTTP/1.1 100 Continue\r\n\r\n")) {
      break;
    }
    auto [body_error, body_bytes] = co_await http::async_read(socket, buffer, parser, awaiting);
    if (body_error) break;
    const bool wants_more = parser.get().keep_alive();
    Request request = request_of(parser.release());
    const std::string method = request.method;
    const Reply reply = co_await (*handler)(std::move(request));
    keep = co_await answer(socket, reply, method, wants_more);
  }
  boost::system::error_code ignored;
  socket.shutdown(tcp::socket::shutdown_both, ignored);
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &Headers::value_type::first);
  return found == headers.end() ? std::string_view{} : std::string_view{found->second};
}

bool Request::has_header(std::string_view name) const {
  return std::ranges::find(headers, name, &Headers::value_type::first) != headers.end();
}

std::optional<std::string> Request::parameter(std::string_view name) const {
  for (std::string_view rest = query; !rest.empty();) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (percent_decoded(pair.substr(0, equals)) == name) {
      return percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
    }
  }
  return std::nullopt;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
  Impl(asio::io_context& io_, Handler handler_)
      : io{io_}, acceptor{io_}, handler{std::make_shared<const Handler>(std::move(handler_))} {}

  Co<void> accept() {
    const auto self = shared_from_this();
    while (acceptor.is_open()) {
      auto [ec, socket] = co_await acceptor.async_accept(io.get_executor(), awaiting);
      if (ec == asio::error::operation_aborted) break;
      if (!ec) asio::co_spawn(io, serve(std::move(socket), handler), asio::detached);
    }
  }

  asio::io_context& io;
  Acceptor acceptor;
  std::shared_ptr<const Handler> handler;
  std::uint16_t port = 0;
};

Result<std::unique_ptr<HttpServer>> HttpServer::listen(asio::io_context& io, const std::string& address,
                                                       std::uint16_t port, Handler handler) {
  auto impl = std::make_shared<Impl>(io, std::move(handler));
  boost::system::error_code ec;
  const auto parsed = asio::ip::make_address(address, ec);
  if (ec) return refuse(Code::Invalid, "listen", "The address must be numeric, such as 127.0.0.1:0.");
  const tcp::endpoint endpoint{parsed, port};
  impl->acceptor.open(endpoint.protocol(), ec);
  if (!ec) impl->acceptor.set_option(tcp::acceptor::reuse_address{true}, ec);
  if (!ec) impl->acceptor.bind(endpoint, ec);
  if (!ec) impl->acceptor.listen(backlog, ec);
  if (ec) return fail(Code::Unavailable, fmt::format("cannot listen on {}:{}: {}", address, port, ec.message()));
  impl->port = impl->acceptor.local_endpoint(ec).port();
  asio::co_spawn(io, impl->accept(), asio::detached);
  return std::unique_ptr<HttpServer>{new HttpServer{std::move(impl)}};
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
HttpServer::~HttpServer() = default;
std::uint16_t HttpServer::port() const { return impl_->port; }

}  // namespace i2m::sandbox
