#pragma once

#include <gtest/gtest.h>

#include <boost/asio/thread_pool.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "credits/credits.h"
#include "jobs/jobs.h"
#include "net/loop.h"
#include "net/metrics.h"
#include "net/server.h"
#include "providers/provider.h"
#include "storage/storage.h"
#include "support/database.h"
#include "support/redis_server.h"
#include "support/run.h"

namespace i2m::test {

/// A folder of this test's own, gone with it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  /// Every regular file below, relative, sorted.
  std::vector<std::string> files() const;

 private:
  std::filesystem::path path_;
};

/// A Redis of this program's own, shared by its tests, which keep apart by their prefix. Started when first asked for;
/// one that a test has killed is started again.
RedisServer& shared_redis();

/// A database of this program's own, shared by its tests; empty when it is answered.
TestDatabase& emptied_database();

/// A database, a Redis, a folder and one loop on which the product's coroutines run: the stage every slice's tests play
/// on.
class Stage : public testing::Test {
 protected:
  Stage();
  ~Stage() override;

  template <class T>
  T run(Co<T> task) {
    return run_on(loop.io, std::move(task));
  }
  template <class T>
  std::vector<T> run_all(std::vector<Co<T>> tasks) {
    return run_all_on(loop.io, std::move(tasks));
  }
  /// Lets the loop turn until `condition` holds; false after `within`.
  bool until(const std::function<bool()>& condition, std::chrono::milliseconds within = std::chrono::seconds{10});
  void turn(std::chrono::milliseconds time) {
    until([] { return false; }, time);
  }

  CompanyId given_company();
  /// `password_hash` as PHC text; by default one that no password has.
  UserId given_user(CompanyId company, std::string password_hash = "none");
  std::string email_of(UserId user) const { return user.text() + "@demo.example"; }
  void given_credits(CompanyId company, std::int64_t count);

  struct Job {
    CompanyId company;
    UserId user;
    JobId id;
    std::vector<ItemId> items;
  };
  struct JobWish {
    int files = 1;
    Credits each = 35_cr;
    int triangles_max = 1000;
    int attempts_max = 3;
    double deadline_s = 1800;
  };
  /// Queued, its pictures stored, its credits held. The company must have them.
  Job given_job(CompanyId company, JobWish wish);
  Job given_job(CompanyId company, int files) { return given_job(company, JobWish{.files = files}); }

  credits::Balance balance_of(CompanyId company);
  /// Companies whose figures disagree; to be 0 at the end of whatever happens.
  std::size_t disagreements();
  /// One text of the whole of what a job is in the database: to assert that nothing moved.
  std::string all_of(CompanyId company);
  std::string status_of(ItemId item) {
    return database.value("select status from job_items where id = '" + item.text() + "'");
  }
  std::string value(const std::string& sql) const { return database.value(sql); }

  TestDatabase& database;
  TempFolder folder;
  boost::asio::thread_pool file_threads{2};
  storage::Store store;
  net::Metrics metrics;
  net::Loop loop;
  db::Pool system;

 private:
  Task<> make_job(Job& job, JobWish wish);
};

Co<void> nap(std::chrono::milliseconds time);

/// A good GLB of so many triangles.
std::vector<std::uint8_t> model_of(std::size_t triangles);

/// A service outside the process that does as it is told, two orders at once. Says what it was asked.
class FakeProvider final : public providers::Provider {
 public:
  using Act = std::function<Task<providers::Made>(const providers::Order&, providers::Progress&)>;
  std::string_view name() const override { return "fake"; }
  int slots() const override { return 2; }
  Task<providers::Made> make(providers::Order& order, providers::Progress& progress) override;

  static Task<providers::Made> good(const providers::Order&, providers::Progress&);
  /// Until it is told to stop.
  static Task<providers::Made> hang(const providers::Order&, providers::Progress& progress);
  static Act refusing(Code code);
  static Act making(std::vector<std::uint8_t> glb);

  Act act = good;
  int calls = 0, busy = 0, busiest = 0;
  std::vector<std::string> pictures;
};

/// A blocking client that sends exactly what it is given.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;

  /// False when the server has closed.
  bool send(std::string_view bytes);
  /// Status 0: the connection ended, or nothing came for 5 s.
  struct Answer {
    int status = 0;
    std::string head, body;
  };
  Answer answer();
  Answer ask(std::string_view request) {
    send(request);
    return answer();
  }
  /// Whether the server closes it within `time`, sending nothing more.
  bool closes_within(std::chrono::milliseconds time);

 private:
  bool receive(std::chrono::milliseconds time);
  int fd_;
  std::string in_;
};

/// A stage with a server on a free port. The token "member" or "admin" speaks for a user of `company`.
class ServerStage : public Stage {
 protected:
  ServerStage();
  ~ServerStage() override;
  /// Once the routes are added. From here the loop turns on a thread of its own: run() is over.
  void serve();
  /// Stops accepting, ends what is in flight, joins the thread.
  void drain();
  RawClient client() { return RawClient{server->port()}; }
  RawClient::Answer ask(std::string_view request) { return client().ask(request); }

  const CompanyId company = given_company();
  const UserId user = given_user(company);
  net::Limits limits{loop.prefix + "rate:", 1000};
  net::Router router;
  net::Shared shared;
  SystemClock clock;
  std::unique_ptr<net::Server> server;

 private:
  std::thread thread_;
};

}  // namespace i2m::test
