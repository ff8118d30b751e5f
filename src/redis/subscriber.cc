#include <set>

#include "redis/connection.h"

namespace i2m::redis {
namespace asio = boost::asio;

namespace {
constexpr std::chrono::seconds ping_every{1};
}

struct Subscriber::Impl final : Connection::Listener, std::enable_shared_from_this<Subscriber::Impl> {
  Impl(asio::io_context& io, Settings s, OnMessage message, std::function<void()> gap)
      : on_message{std::move(message)},
        on_gap{std::move(gap)},
        connection{std::make_shared<Connection>(io, std::move(s), *this)},
        timer{io.get_executor()} {}

  bool up() const { return connection->state() == Connection::State::Up; }
  void subscribe(std::string channel);
  void unsubscribe(const std::string& channel);
  void stop();
  void ping();

  void on_up() override;
  void on_down() override { timer.cancel(); }
  void on_reply(Reply reply) override;
  void confirmed();

  const OnMessage on_message;
  const std::function<void()> on_gap;
  const std::shared_ptr<Connection> connection;
  Timer timer;
  std::set<std::string> channels;
  std::size_t unconfirmed = 0;  // SUBSCRIBEs sent on this connection and not answered yet
  bool gap = false;             // this connection's on_gap is still to come
  bool pong = true;             // the last PING was answered, by anything at all
};

void Subscriber::Impl::subscribe(std::string channel) {
  const auto [at, is_new] = channels.insert(std::move(channel));
  if (!is_new || !up()) return;  // on_up sends what is in `channels`
  connection->send(Command{"SUBSCRIBE", *at});
  ++unconfirmed;
}

void Subscriber::Impl::unsubscribe(const std::string& channel) {
  if (channels.erase(channel) > 0 && up()) connection->send(Command{"UNSUBSCRIBE", channel});
}

void Subscriber::Impl::stop() {
  connection->stop();
  timer.cancel();
}

void Subscriber::Impl::on_up() {
  gap = true;
  pong = true;
  unconfirmed = channels.size();
  for (const std::string& channel : channels) connection->send(Command{"SUBSCRIBE", channel});
  ping();
}

void Subscriber::Impl::ping() {
  if (!pong) {
    connection->drop("no reply to PING");
    return;
  }
  pong = false;
  connection->send(Command{"PING"});
  timer.expires_after(ping_every);
  auto later = [weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (self && !error && self->up()) self->ping();
  };
  timer.async_wait(std::move(later));
}

void Subscriber::Impl::on_reply(Reply reply) {
  pong = true;
  if (reply.kind == Reply::Kind::Error) {
    connection->drop("subscribe: " + reply.text);
    return;
  }
  if (reply.kind != Reply::Kind::Array || reply.elements.size() != 3) return;  // a PONG
  const std::string& what = reply.elements[0].text;
  if (what == "message") {
    on_message(reply.elements[1].text, reply.elements[2].text);
  } else if (what == "subscribe") {
    confirmed();
  }
}

void Subscriber::Impl::confirmed() {
  if (unconfirmed > 0) --unconfirmed;
  if (unconfirmed > 0 || !gap) return;
  gap = false;
  if (on_gap) on_gap();
}

Subscriber::Subscriber(asio::io_context& io, Settings settings, OnMessage on_message, std::function<void()> on_gap)
    : impl_{std::make_shared<Impl>(io, std::move(settings), std::move(on_message), std::move(on_gap))} {
  impl_->connection->start();
}

Subscriber::~Subscriber() { impl_->stop(); }

void Subscriber::subscribe(std::string channel) { impl_->subscribe(std::move(channel)); }

void Subscriber::unsubscribe(std::string channel) { impl_->unsubscribe(channel); }

bool Subscriber::current() const { return impl_->up() && impl_->unconfirmed == 0; }

}  // namespace i2m::redis
