#include "net/server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "base/wait.h"
#include "net/session.h"

namespace i2m::net {
namespace asio = boost::asio;
using asio::ip::tcp;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

namespace {
constexpr std::chrono::milliseconds sweep_every{250};
}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(std::vector<Loop*> loops_, Shared& shared_) : loops{std::move(loops_)}, shared{shared_}, acceptor{loops[0]->io} {
    for (std::size_t i = 0; i < loops.size(); ++i) lists.push_back(std::make_unique<SessionList>());
  }

  Co<void> accept();
  Co<void> sweep(std::size_t index);
  Co<void> drain(std::function<void()> finished);

  std::vector<Loop*> loops;
  Shared& shared;
  Acceptor acceptor;
  std::vector<std::unique_ptr<SessionList>> lists;
  std::uint16_t port = 0;
};

Co<void> Server::Impl::accept() {
  const auto self = shared_from_this();
  for (std::size_t turn = 0; acceptor.is_open(); ++turn) {
    Loop& loop = *loops[turn % loops.size()];
    auto [ec, socket] = co_await acceptor.async_accept(loop.io.get_executor(), awaiting);
    if (ec == asio::error::operation_aborted) break;  // a connection that came just before the drain is still served
    if (ec) {
      // Out of descriptors, usually: one failed accept must not end the server, nor spin it.
      log::error("accept_failed", {{"why", ec.message()}});
      Timer pause{loops[0]->io, std::chrono::milliseconds{100}};
      co_await pause.async_wait(awaiting);
      continue;
    }
    if (shared.connections.load(std::memory_order_relaxed) >= shared.settings.connections_max) continue;  // closes it
    auto raw = std::make_shared<Socket>(std::move(socket));
    SessionList& list = *lists[turn % loops.size()];
    asio::post(loop.io, [this, self, raw, &loop, &list] {
      std::make_shared<Session>(std::move(*raw), loop, shared, list)->start();
    });
  }
}

Co<void> Server::Impl::sweep(std::size_t index) {
  const auto self = shared_from_this();
  Timer timer{loops[index]->io};
  while (true) {
    timer.expires_after(sweep_every);
    const auto [ec] = co_await timer.async_wait(awaiting);
    if (ec) co_return;
    const auto now = std::chrono::steady_clock::now();
    if (shared.draining) lists[index]->shorten_idle(now + shared.settings.drain_linger);
    lists[index]->sweep(now);
  }
}

Co<void> Server::Impl::drain(std::function<void()> finished) {
  const auto self = shared_from_this();
  boost::system::error_code ignored;
  acceptor.close(ignored);
  const auto give_up = std::chrono::steady_clock::now() + shared.settings.drain_timeout;
  Timer timer{loops[0]->io};
  while (shared.connections > 0 && std::chrono::steady_clock::now() < give_up) {
    timer.expires_after(std::chrono::milliseconds{50});
    co_await timer.async_wait(awaiting);
  }
  log::info("drained", {{"connections_cut", shared.connections.load()}});
  finished();
}

Result<std::unique_ptr<Server>> Server::listen(std::vector<Loop*> loops, Shared& shared) {
  auto impl = std::make_shared<Impl>(std::move(loops), shared);
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(shared.settings.address, ec);
  if (ec) return fail(Code::Unavailable, "not an address: " + shared.settings.address);
  const tcp::endpoint endpoint{address, shared.settings.port};
  impl->acceptor.open(endpoint.protocol(), ec);
  if (!ec) impl->acceptor.set_option(tcp::acceptor::reuse_address{true}, ec);
  if (!ec) impl->acceptor.bind(endpoint, ec);
  if (!ec) impl->acceptor.listen(4096, ec);
  if (ec)
    return fail(Code::Unavailable,
                fmt::format("cannot listen on {}:{}: {}", shared.settings.address, shared.settings.port, ec.message()));
  impl->port = impl->acceptor.local_endpoint(ec).port();
  asio::co_spawn(impl->loops[0]->io, impl->accept(), asio::detached);
  for (std::size_t i = 0; i < impl->loops.size(); ++i)
    asio::co_spawn(impl->loops[i]->io, impl->sweep(i), asio::detached);
  return std::unique_ptr<Server>{new Server{std::move(impl)}};
}

Server::Server(std::shared_ptr<Impl> impl) : impl_{std::move(impl)} {}
Server::~Server() = default;
std::uint16_t Server::port() const { return impl_->port; }

void Server::drain(std::function<void()> finished) {
  impl_->shared.draining = true;
  asio::co_spawn(impl_->loops[0]->io, impl_->drain(std::move(finished)), asio::detached);
}

}  // namespace i2m::net
