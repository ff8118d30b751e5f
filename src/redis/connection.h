#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/wait.h"
#include "redis/client.h"

namespace i2m::redis {

/// A connection that is opened again whenever it is lost: what Client and Subscriber share. It moves bytes and keeps no
/// account of who waits for which reply.
///
///   forever:
///     open: resolve, connect, AUTH, INFO server      within connect_timeout
///     if that worked: on_up, then every reply to on_reply until the connection is lost
///     on_down
///     wait 50 ms, doubled each time up to 2 s; from the start again once a connection has held for 2 s
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// Runs on the loop. None of these may destroy the connection's owner.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void on_up() = 0;
    virtual void on_down() = 0;  // what was sent and not answered never will be
    virtual void on_reply(Reply reply) = 0;
  };
  /// First: the first attempt is under way; what is sent leaves when it has succeeded.
  enum class State { First, Up, Away, Stopped };

  Connection(boost::asio::io_context& io, Settings settings, Listener& listener);
  void start();
  /// The listener hears nothing any more and may go.
  void stop();

  State state() const { return state_; }
  const std::string& run_id() const { return run_id_; }
  /// Leaves at the end of this turn of the loop, in one write with everything else of the turn. Only while First or Up.
  void send(const Command& command);
  /// Gives the connection up, for a reply that cannot be trusted or does not come.
  void drop(std::string_view why);

 private:
  struct Link;
  struct Release;

  static Co<> keep(std::shared_ptr<Connection> self);
  Task<> open();
  Task<> establish();
  Task<> greet();
  Task<Reply> answer();
  Task<> fill();
  Task<> listen();
  void rise();
  void fall(std::string_view why);
  void report(std::string_view why);
  void flush();
  void written(const std::shared_ptr<Link>& link, const boost::system::error_code& error);

  boost::asio::io_context& io_;
  const Settings settings_;
  Listener* listener_;
  Timer pause_;
  State state_ = State::First;
  std::shared_ptr<Link> link_;  // one for each attempt, so that an old one's write cannot be taken for a new one's
  std::string out_;
  bool flush_posted_ = false;
  std::string run_id_;
  std::string reported_;  // the outage's cause as last logged: an outage is one line, not one for each attempt
};

}  // namespace i2m::redis
