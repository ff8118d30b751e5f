#pragma once

// Coroutines in line for something scarce. Private to src/db.

#include <list>

#include "db/connection.h"

namespace i2m::db {

/// First come, first served; whoever waits for too long or is cancelled leaves the line.
template <class T>
class Waiters {
 public:
  explicit Waiters(boost::asio::io_context& io) : io_{io} {}

  bool empty() const { return line_.empty(); }
  std::size_t size() const { return line_.size(); }

  /// `too_late` makes the error of whoever waited for `timeout`.
  template <class TooLate>
  void add(AnyHandler<T> handler, std::chrono::milliseconds timeout, TooLate too_late) {
    auto waiter = std::make_shared<Waiter>(io_);
    waiter->handler.emplace(std::move(handler));
    waiter->place = line_.insert(line_.end(), waiter);
    waiter->timer.expires_after(timeout);
    waiter->timer.async_wait([this, weak = std::weak_ptr{waiter}, too_late](boost::system::error_code error) {
      const auto late = weak.lock();
      if (!error && late && late->handler) leave(late, std::unexpected{too_late()});
    });
    auto slot = boost::asio::get_associated_cancellation_slot(*waiter->handler);
    if (!slot.is_connected()) return;
    slot.assign([this, weak = std::weak_ptr{waiter}](boost::asio::cancellation_type) {
      const auto gone = weak.lock();
      if (gone && gone->handler) leave(gone, fail(Code::Cancelled, "while waiting for a connection"));
    });
  }

  /// Gives `thing` to the first in line, which there must be.
  void serve(T thing) { leave(line_.front(), std::move(thing)); }
  void refuse_all(const Error& why) {
    while (!line_.empty()) leave(line_.front(), std::unexpected{why});
  }

 private:
  struct Waiter;
  using Line = std::list<std::shared_ptr<Waiter>>;
  struct Waiter {
    explicit Waiter(boost::asio::io_context& io) : timer{io.get_executor()} {}
    Handler<T> handler;
    Timer timer;
    Line::iterator place;
  };

  // A copy of the pointer: the line's own goes away here. The weak pointers then find nobody, so that neither the timer
  // nor the slot touches a line that is gone.
  void leave(std::shared_ptr<Waiter> waiter, Result<T> result) {
    line_.erase(waiter->place);
    complete<T>(io_, waiter->handler, std::move(result));
  }

  boost::asio::io_context& io_;
  Line line_;
};

}  // namespace i2m::db
