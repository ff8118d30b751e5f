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
using StreamRef = std::unique_ptr<Stream>;
using Resolver = asio::ip::basic_resolver<tcp, Executor>;
using Message = http::request<http::string_body>;

namespace {
constexpr unsigned http_1_1 = 11;
constexpr int connections_max = 64;  // to one server: a burst of hundreds overruns what it can accept

struct Place {
  std::string host;
  std::string port;
  std::string key() const { return host + ":" + port; }
};

Message message_of(const Outgoing& outgoing, const boost::urls::url_view& url) {
  std::string target{url.encoded_target()};
  if (!target.starts_with('/')) target.insert(0, "/");
  Message message{http::string_to_verb(outgoing.method), target, http_1_1};
  message.set(http::field::host, std::string{url.encoded_host_and_port()});
  for (const auto& [name, value] : outgoing.headers) message.set(name, value);
  message.body() = outgoing.body;
  if (outgoing.method != "GET") message.prepare_payload();
  return message;
}

/// The connections to one server.
struct Lane {
  explicit Lane(asio::io_context& io) : freed{io, std::chrono::steady_clock::time_point::max()} {}
  std::vector<StreamRef> idle;
  int busy = 0;
  Timer freed;
};

/// One of a lane's connections, while it is used.
class Turn {
 public:
  explicit Turn(Lane& lane) : lane_{lane} { ++lane_.busy; }
  ~Turn() {
    --lane_.busy;
    lane_.freed.cancel_one();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Lane& lane_;
};

}  // namespace

struct HttpClient::Impl {
  explicit Impl(asio::io_context& io_) : io{io_} {}

  Lane& lane_to(const Place& place) {
    std::unique_ptr<Lane>& lane = lanes[place.key()];
    if (!lane) lane = std::make_unique<Lane>(io);
    return *lane;
  }

  Task<StreamRef> connected(Place place, Milliseconds timeout) {
    Resolver resolver{io};
    const auto [no_name, places] = co_await resolver.async_resolve(place.host, place.port, awaiting);
    if (no_name) co_return fail(Code::Unavailable, no_name.message());
    auto stream = std::make_unique<Stream>(io);
    stream->expires_after(timeout);
    const auto [no_connection, reached] = co_await stream->async_connect(places, awaiting);
    if (no_connection) co_return fail(Code::Unavailable, no_connection.message());
    co_return stream;
  }

  /// Keeps the connection where the server does.
  Task<Fetched> over(StreamRef stream, Lane& lane, const Message& message, const Outgoing& outgoing) {
    stream->expires_after(outgoing.timeout);
    const auto [not_sent, sent] = co_await http::async_write(*stream, message, awaiting);
    if (not_sent) co_return fail(Code::Unavailable, not_sent.message());
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> answer;
    answer.body_limit(outgoing.answer_bytes_max);
    stream->expires_after(outgoing.timeout);
    const auto [not_read, read] = co_await http::async_read(*stream, buffer, answer, awaiting);
    if (not_read) co_return fail(Code::Unavailable, not_read.message());
    stream->expires_never();
    if (answer.keep_alive()) lane.idle.push_back(std::move(stream));
    const auto type = answer.get()[http::field::content_type];
    co_return Fetched{static_cast<int>(answer.get().result_int()), std::string{type.data(), type.size()},
                      std::move(answer.get().body())};
  }

  asio::io_context& io;
  std::unordered_map<std::string, std::unique_ptr<Lane>> lanes;
};

HttpClient::HttpClient(asio::io_context& io) : impl_{std::make_unique<Impl>(io)} {}
HttpClient::~HttpClient() = default;

Task<Fetched> HttpClient::exchange(Outgoing outgoing) {
  const auto url = boost::urls::parse_uri(outgoing.url);
  if (!url || url->scheme() != "http") co_return fail(Code::Unavailable, "not an http URL: " + outgoing.url);
  const Message message = message_of(outgoing, *url);
  const Place place{std::string{url->host_address()}, url->has_port() ? std::string{url->port()} : "80"};
  Lane& lane = impl_->lane_to(place);
  while (lane.busy >= connections_max) co_await lane.freed.async_wait(awaiting);
  const Turn turn{lane};
  if (!lane.idle.empty()) {
    StreamRef kept = std::move(lane.idle.back());
    lane.idle.pop_back();
    Result<Fetched> answer = co_await impl_->over(std::move(kept), lane, message, outgoing);
    if (answer) co_return answer;  // otherwise the server may have closed it long ago
  }
  CO_TRY(StreamRef stream, co_await impl_->connected(place, outgoing.timeout));
  co_return co_await impl_->over(std::move(stream), lane, message, outgoing);
}

}  // namespace i2m::sandbox
