#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <list>
#include <memory>

#include "net/server.h"

namespace i2m::net {

using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using SteadyTime = std::chrono::steady_clock::time_point;

/// What the sweeper of a loop needs to know of each connection: one coarse look at all of them replaces a timer for
/// each.
class Session;
struct SessionList {
  std::list<Session*> all;
  /// Closes or cancels what is past its deadline.
  void sweep(SteadyTime now);
  /// From now on an idle connection has only until `until`.
  void shorten_idle(SteadyTime until);
};

/// One connection: reads requests, hands them to the router, writes answers, until it is closed.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Socket socket, Loop& loop, Shared& shared, SessionList& list);
  ~Session();
  void start();
  /// Idle between requests: nothing is lost by closing it.
  bool idle() const { return phase_ == Phase::Idle; }
  void close();

 private:
  friend struct SessionList;
  friend class SocketBody;
  friend class SocketSink;
  enum class Phase { Idle, Head, Body, Handling, Writing, Streaming, Closing };

  Co<void> run();
  Co<bool> serve_one();  // false: the connection is done
  Co<bool> read_head(class HeadParser& parser);
  Co<bool> write(const Answer& answer, const Request& request, const std::string& request_id, bool keep);
  Co<bool> write_file(const Answer& answer);
  Co<void> linger();  // after refusing a body: let the client read the answer before the reset
  std::string head_of(const Answer& answer, const std::string& request_id, bool keep, std::uint64_t length) const;
  void enter(Phase phase, std::chrono::milliseconds within);
  Co<bool> fill();  // more bytes into buffer_; false at the end
  Co<bool> send(std::string_view bytes);

  Socket socket_;
  Loop& loop_;
  Shared& shared_;
  SessionList& list_;
  std::list<Session*>::iterator place_;
  boost::asio::cancellation_signal cancel_;
  Phase phase_ = Phase::Idle;
  SteadyTime deadline_;
  bool past_deadline_ = false;
  std::string peer_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string out_;
};

}  // namespace i2m::net
