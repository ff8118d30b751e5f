#include "net/fetch.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <mutex>
#include <thread>

#include "support/run.h"

namespace i2m::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// A peer on this machine that does with each connection what the test says. Every request head it sees is kept.
class Peer {
 public:
  using Script = std::function<void(Peer&, tcp::socket&)>;
  explicit Peer(Script script) : script_{std::move(script)}, acceptor_{io_, {asio::ip::address_v4::loopback(), 0}} {
    thread_ = std::thread{[this] { serve(); }};
  }
  ~Peer() {
    stopping_ = true;
    boost::system::error_code ignored;
    tcp::socket last{io_};
    last.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
    for (const auto& each : sockets_) each->shutdown(tcp::socket::shutdown_both, ignored);
    for (std::thread& each : threads_) each.join();
  }
  std::string url(std::string_view path = "/") const {
    return fmt::format("http://127.0.0.1:{}{}", acceptor_.local_endpoint().port(), path);
  }
  /// The next request, head and body; empty when the client has gone.
  std::string read(tcp::socket& socket) {
    std::string data;
    boost::system::error_code ec;
    asio::read_until(socket, asio::dynamic_buffer(data), "\r\n\r\n", ec);
    if (ec) return {};
    const std::size_t head = data.find("\r\n\r\n") + 4;
    const std::size_t at = data.find("Content-Length: ");
    const std::size_t body = at == std::string::npos ? 0 : std::stoul(data.substr(at + 16));
    if (data.size() < head + body)
      asio::read(socket, asio::dynamic_buffer(data), asio::transfer_exactly(head + body - data.size()), ec);
    const std::lock_guard lock{mutex_};
    seen_.push_back(data);
    return data;
  }
  static void write(tcp::socket& socket, std::string_view text) {
    boost::system::error_code ignored;
    asio::write(socket, asio::buffer(text), ignored);
  }
  std::vector<std::string> seen() const {
    const std::lock_guard lock{mutex_};
    return seen_;
  }

 private:
  void serve() {
    while (true) {
      auto socket = std::make_shared<tcp::socket>(acceptor_.accept());
      if (stopping_) break;
      sockets_.push_back(socket);
      threads_.emplace_back([this, socket] {
        script_(*this, *socket);
        boost::system::error_code ignored;
        socket->shutdown(tcp::socket::shutdown_both, ignored);
      });
    }
  }

  asio::io_context io_;
  Script script_;
  tcp::acceptor acceptor_;
  std::thread thread_;
  std::vector<std::shared_ptr<tcp::socket>> sockets_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
};

struct Fetching : testing::Test {
  Result<FetchAnswer> fetch(FetchRequest request) {
    io.restart();
    return test::run_on(io, fetcher.fetch(std::move(request)));
  }
  asio::io_context io;
  Fetcher fetcher{io, "image2model/test"};
};

std::string ok(std::string_view body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Thing: a b \r\n\r\n{}", body.size(), body);
}

TEST_F(Fetching, AnswersStatusHeadersAndBody) {
  Peer peer{[](Peer& p, tcp::socket& s) {
    p.read(s);
    Peer::write(s, "HTTP/1.1 422 No\r\nContent-Length: 2\r\nX-Thing: a b \r\n\r\n{}");
  }};
  const auto answer = fetch({.url = peer.url("/x?y=1"), .headers = {{"Authorization", "Key a:b"}}});
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 422);
  EXPECT_EQ(answer->body, "{}");
  EXPECT_EQ(answer->header("x-thing"), "a b");
  ASSERT_EQ(peer.seen().size(), 1u);
  EXPECT_TRUE(peer.seen()[0].starts_with("GET /x?y=1 HTTP/1.1\r\n"));
  EXPECT_NE(peer.seen()[0].find("Authorization: Key a:b\r\n"), std::string::npos);
  EXPECT_NE(peer.seen()[0].find("User-Agent: image2model/test\r\n"), std::string::npos);
}

TEST_F(Fetching, SendsBodiesOfPostAndPut) {
  Peer peer{[](Peer& p, tcp::socket& s) {
    while (!p.read(s).empty()) Peer::write(s, ok("done"));
  }};
  const std::string megabyte(1 << 20, 'x');
  EXPECT_EQ(fetch({.method = "POST", .url = peer.url(), .body = megabyte})->body, "done");
  EXPECT_EQ(fetch({.method = "PUT", .url = peer.url(), .body = "abc"})->body, "done");
  EXPECT_EQ(fetch({.method = "PUT", .url = peer.url()})->body, "done");
  ASSERT_EQ(peer.seen().size(), 3u);
  EXPECT_TRUE(peer.seen()[0].ends_with(megabyte));
  EXPECT_TRUE(peer.seen()[1].ends_with("\r\n\r\nabc"));
  EXPECT_NE(peer.seen()[2].find("Content-Length: 0"), std::string::npos);
}

TEST_F(Fetching, WhatNobodyReceivedIsUnavailable) {
  std::string nobody;
  {
    Peer gone{[](Peer&, tcp::socket&) {}};
    nobody = gone.url();
  }
  for (const bool once : {false, true}) {
    const auto answer = fetch({.method = "POST", .url = nobody, .body = "{}", .once = once});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::Unavailable);
  }
}

TEST_F(Fetching, WhatMayHaveBeenReceivedIsUnknown) {
  Peer peer{[](Peer& p, tcp::socket& s) { p.read(s); }};  // reads, then hangs up
  const auto answer = fetch({.method = "POST", .url = peer.url("/pay?token=secret"), .body = "{}", .once = true});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::OutcomeUnknown);
  EXPECT_TRUE(answer.error().detail.contains("/pay ")) << answer.error().detail;
  EXPECT_FALSE(answer.error().detail.contains("secret"));
  EXPECT_EQ(peer.seen().size(), 1u);
}

// The connection was kept, and the peer hangs up on the second request without a word: curl would send it again.
TEST_F(Fetching, WhatPaysIsNeverSentTwice) {
  Peer peer{[](Peer& p, tcp::socket& s) {
    p.read(s);
    Peer::write(s, ok("first"));
    p.read(s);
  }};
  ASSERT_TRUE(fetch({.method = "POST", .url = peer.url(), .body = "1"}));
  const auto answer = fetch({.method = "POST", .url = peer.url("/pay"), .body = "2", .once = true});
  ASSERT_TRUE(answer) << answer.error().detail;  // on a new connection
  int paid = 0;
  for (const std::string& request : peer.seen()) paid += request.starts_with("POST /pay") ? 1 : 0;
  EXPECT_EQ(paid, 1);
}

TEST_F(Fetching, TimesOut) {
  std::atomic<bool> over{false};
  Peer peer{[&](Peer& p, tcp::socket& s) {
    p.read(s);
    while (!over) std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }};
  const auto answer = fetch({.url = peer.url(), .timeout = std::chrono::milliseconds{150}});
  over = true;
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::OutcomeUnknown);
}

TEST_F(Fetching, StopsAtTheSizeAskedFor) {
  Peer peer{[](Peer& p, tcp::socket& s) {
    p.read(s);
    Peer::write(s, ok(std::string(100'000, 'x')));
  }};
  const auto answer = fetch({.url = peer.url(), .bytes_max = 99'999});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::BodyTooLarge);
}

TEST_F(Fetching, FollowsNoRedirect) {
  Peer peer{[](Peer& p, tcp::socket& s) {
    p.read(s);
    Peer::write(s, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  }};
  const auto answer = fetch({.url = peer.url()});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
}

TEST_F(Fetching, HandsOnAStreamAsItComes) {
  Peer peer{[](Peer& p, tcp::socket& s) {
    p.read(s);
    Peer::write(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n");
    p.read(s);  // until the reader has had enough
  }};
  std::string got;
  FetchRequest request{.url = peer.url()};
  request.on_data = [&](std::string_view data) {
    got += data;
    return !got.ends_with("two");
  };
  const auto answer = fetch(std::move(request));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Cancelled);
  EXPECT_EQ(got, "onetwo");
}

TEST_F(Fetching, ManyAtOnce) {
  Peer peer{[](Peer& p, tcp::socket& s) {
    while (!p.read(s).empty()) Peer::write(s, ok("x"));
  }};
  std::vector<Co<Result<FetchAnswer>>> tasks;
  constexpr int many = 100;
  for (int i = 0; i < many; ++i) {
    FetchRequest request{.url = peer.url()};
    tasks.push_back(fetcher.fetch(std::move(request)));
  }
  int good = 0;
  for (const auto& answer : test::run_all_on(io, std::move(tasks))) good += answer && answer->body == "x" ? 1 : 0;
  EXPECT_EQ(good, many);
}

TEST(Outgoing, PlainHttpStaysOnThisMachine) {
  EXPECT_TRUE(check_outgoing("https://queue.fal.run/x"));
  EXPECT_TRUE(check_outgoing("http://127.0.0.1:8080/x"));
  EXPECT_TRUE(check_outgoing("http://localhost/x"));
  EXPECT_TRUE(check_outgoing("http://[::1]:80/"));
  for (const std::string_view bad : {"http://queue.fal.run/x", "ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1",
                                     "", "http://127.example.org.evil/", "http://localhost.evil/"})
    EXPECT_FALSE(check_outgoing(bad)) << bad;
}

}  // namespace
}  // namespace i2m::net
