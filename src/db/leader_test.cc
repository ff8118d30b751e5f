#include "db/leader.h"

#include <gtest/gtest.h>

#include "db/notes_fixture.h"

namespace i2m::db {
namespace {

constexpr std::int64_t key = 4711;

Task<> until_lost(AdvisoryLock& lock) {
  co_await lock.lost();
  co_return Result<>{};
}

TEST_F(Notes, LockIsHeldByOneAndPassesOnWhenItsHolderDies) {
  AdvisoryLock first{io, settings(), key};
  AdvisoryLock second{io, settings(), key};
  ASSERT_TRUE(run(first.acquire()));
  EXPECT_TRUE(first.held());
  bool second_has_it = false;
  boost::asio::co_spawn(io, second.acquire(), [&](std::exception_ptr, const Result<>&) { second_has_it = true; });
  turn(std::chrono::milliseconds{300});
  EXPECT_FALSE(second_has_it);
  database.exec(
      "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and"
      " database = (select oid from pg_database where datname = '" +
      database.name() + "')");
  ASSERT_TRUE(run(until_lost(first)));
  EXPECT_FALSE(first.held());
  turn(std::chrono::milliseconds{1500});
  EXPECT_TRUE(second_has_it);
  EXPECT_TRUE(second.held());
}

TEST_F(Notes, LockThatIsReleasedIsFreeForOthers) {
  AdvisoryLock first{io, settings(), key};
  ASSERT_TRUE(run(first.acquire()));
  first.release();
  EXPECT_FALSE(first.held());
  AdvisoryLock second{io, settings(), key};
  EXPECT_TRUE(run(second.acquire()));
  EXPECT_TRUE(second.held());
}

TEST_F(Notes, LockWhoseWaitIsCancelledIsLeftToOthers) {
  AdvisoryLock first{io, settings(), key};
  AdvisoryLock second{io, settings(), key};
  ASSERT_TRUE(run(first.acquire()));
  boost::asio::cancellation_signal cancel;
  bool ended = false;
  boost::asio::co_spawn(
      io, second.acquire(),
      boost::asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr, const Result<>&) { ended = true; }));
  turn(std::chrono::milliseconds{100});
  cancel.emit(boost::asio::cancellation_type::terminal);
  turn(std::chrono::milliseconds{100});
  EXPECT_TRUE(ended);
  EXPECT_FALSE(second.held());
  first.release();
  EXPECT_TRUE(run(second.acquire()));
}

TEST_F(Notes, LocksOfDifferentKeysDoNotMeet) {
  AdvisoryLock first{io, settings(), key};
  AdvisoryLock second{io, settings(), key + 1};
  ASSERT_TRUE(run(first.acquire()));
  EXPECT_TRUE(run(second.acquire()));
}

}  // namespace
}  // namespace i2m::db
