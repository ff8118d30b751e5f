#include "app.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "credits/credits.h"
#include "db/leader.h"
#include "dispatch/schedule.h"
#include "dispatch/work.h"
#include "engine/matting.h"
#include "identity/identity.h"
#include "jobs/jobs.h"
#include "migrations.gen.h"
#include "net/server.h"
#include "operations.h"
#include "providers/embedded.h"

namespace i2m::app {
namespace {

namespace asio = boost::asio;
constexpr std::int64_t scheduler_lock = 0x12'3D'5C'ED;

/// The loops of a process and their threads. The first loop runs on the caller's thread and takes the signals.
struct Loops {
  Result<> make(const Settings& settings, int count) {
    TRY(const db::Settings db_settings, database(settings, "DATABASE_URL"));
    TRY(const redis::Settings redis, redis_settings(settings));
    for (int i = 0; i < count; ++i)
      all.push_back(std::make_unique<net::Loop>(i, db_settings, redis, settings.text("REDIS_PREFIX")));
    // From here on a signal is kept until run() hears it: whoever has read our port may stop us properly.
    signals.emplace(first().io, SIGTERM, SIGINT);
    return {};
  }
  net::Loop& first() { return *all.front(); }
  std::vector<net::Loop*> pointers() {
    std::vector<net::Loop*> out;
    for (const auto& each : all) out.push_back(each.get());
    return out;
  }
  /// Runs until stop(); `stopping` is called once, at the first SIGTERM or SIGINT. Then the process ends here: what
  /// coroutines still hold is not worth unwinding, for a process may be killed at any point anyway.
  [[noreturn]] void run(std::function<void()> stopping) {
    signals->async_wait([stopping = std::move(stopping)](boost::system::error_code ec, int signal) {
      if (ec) return;
      log::info("stopping", {{"signal", signal}});
      stopping();
    });
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < all.size(); ++i) threads.emplace_back([this, i] { run_one(*all[i]); });
    run_one(first());
    for (const auto& each : all) each->io.stop();
    for (std::thread& thread : threads) thread.join();
    log::info("stopped", {});
    log::flush();
    std::quick_exit(0);
  }
  void stop() {
    for (const auto& each : all) each->io.stop();
  }

  std::vector<std::unique_ptr<net::Loop>> all;
  std::optional<asio::signal_set> signals;

 private:
  static void run_one(net::Loop& loop) {
    const auto guard = asio::make_work_guard(loop.io);
    loop.io.run();
  }
};

Result<std::size_t> count_or_cores(const Settings& settings, std::string_view name) {
  TRY(const std::int64_t n, settings.number(name, 0, 256));
  return n > 0 ? static_cast<std::size_t>(n) : std::max(1u, std::thread::hardware_concurrency());
}

// Pictures come from strangers: without walls around their decoder nothing starts, unless the operator says so.
Result<image::Decoder> picture_decoder(const Settings& settings) {
  image::Decoder::Settings out;
  const std::string& walls = settings.text("DECODE_WALLS");
  if (walls != "required" && walls != "limits") {
    return refuse(Code::Invalid, "DECODE_WALLS", "DECODE_WALLS must be required or limits");
  }
  if (walls == "limits") out.walls = image::Walls::Limits;
  TRY(image::Decoder decoder, image::Decoder::open(std::move(out)));
  if (!decoder.filtered()) {
    log::warn("decoder_unfiltered", {{"why",
                                      "the kernel refuses seccomp, and DECODE_WALLS=limits puts up with it: a "
                                      "picture that takes the decoder over can make any system call"}});
  }
  return decoder;
}

Result<net::ServerSettings> server_settings(const Settings& settings, std::string_view listen) {
  net::ServerSettings out;
  TRY(const Settings::Address address, settings.address(listen));
  out.address = address.host;
  out.port = address.port;
  TRY(out.drain_linger, settings.milliseconds("DRAIN_LINGER_MS"));
  TRY(out.drain_timeout, settings.milliseconds("DRAIN_TIMEOUT_MS"));
  TRY(const std::int64_t connections, settings.number("CONNECTIONS_MAX", 1, 1'000'000));
  out.connections_max = static_cast<std::size_t>(connections);
  TRY(out.trust_forwarded_for, settings.flag("TRUST_FORWARDED_FOR"));
  return out;
}

Result<jobs::Settings> job_settings(const Settings& settings) {
  jobs::Settings out;
  TRY(const std::int64_t attempts, settings.number("ATTEMPTS_MAX", 1, 20));
  out.attempts_max = static_cast<int>(attempts);
  TRY(out.item_deadline, settings.seconds("ITEM_DEADLINE_S"));
  TRY(out.lease, settings.milliseconds("LEASE_MS"));
  TRY(out.dispatch_lease, settings.milliseconds("DISPATCH_LEASE_MS"));
  TRY(const std::int64_t window, settings.number("DISPATCH_WINDOW", 1, 100'000));
  out.dispatch_window = static_cast<int>(window);
  TRY(out.make_timeout, settings.seconds("MAKE_TIMEOUT_S"));
  TRY(out.orphan_age, settings.seconds("ORPHAN_AGE_S"));
  return out;
}

Result<identity::TokenKeys> token_keys(const Settings& settings) {
  TRY(const std::string secret, settings.required("JWT_SECRET"));
  TRY(const auto keys, identity::TokenKeys::parse(secret));
  return identity::TokenKeys::of(keys, "image2model");
}

Result<storage::Links> links(const Settings& settings) {
  TRY(const std::string secret, settings.required("LINK_SECRET"));
  TRY(const auto keys, identity::TokenKeys::parse(secret));
  TRY(const std::chrono::seconds lifetime, settings.seconds("LINK_LIFETIME_S"));
  std::vector<storage::Links::Key> out;
  for (const auto& key : keys) out.push_back({key.id, key.secret});
  return storage::Links::of(out, lifetime);
}

Result<storage::Store> store(const Settings& settings, asio::thread_pool& files) {
  TRY(const std::string root, settings.required("STORAGE_ROOT"));
  return storage::Store::open(root, files);
}

Result<std::unique_ptr<asio::thread_pool>> file_threads(const Settings& settings) {
  TRY(const std::int64_t n, settings.number("FILE_THREADS", 1, 256));
  return std::make_unique<asio::thread_pool>(static_cast<std::size_t>(n));
}

/// Tests and scripts read this line to learn the port.
void announce(std::string_view program, const net::Server& server, std::string_view host) {
  std::cout << fmt::format(R"({{"program":"{}","listening":"{}:{}"}})", program, host, server.port()) << std::endl;
}

/// Health and metrics of a process that serves nothing else.
struct Operations {
  Operations() : limits{"", 1}, router{nobody, limits, metrics} {}
  Result<> listen(const Settings& settings, Loops& loops, asio::thread_pool& files, std::string_view program) {
    if (settings.text("METRICS_LISTEN").empty()) return {};
    TRY(shared.settings, server_settings(settings, "METRICS_LISTEN"));
    shared.router = &router;
    shared.clock = &clock;
    shared.files = &files;
    operation_routes(router, metrics, shared);
    TRY(server, net::Server::listen({&loops.first()}, shared));
    announce(program, *server, shared.settings.address);
    return {};
  }
  static Task<net::Principal> nobody(net::Loop&, std::string_view) { co_return fail(Code::TokenInvalid); }

  net::Metrics metrics;
  net::Limits limits;
  net::Router router;
  net::Shared shared;
  SystemClock clock;
  std::unique_ptr<net::Server> server;
};

void all_routes(net::Router& router, identity::Identity& identity, jobs::Jobs& jobs, net::Metrics& metrics,
                const net::Shared& shared) {
  identity::routes(router, identity);
  credits::routes(router);
  jobs::routes(router, jobs);
  operation_routes(router, metrics, shared);
  openapi_route(router);
}

}  // namespace

Result<identity::Passwords::Settings> password_settings(const Settings& settings) {
  identity::Passwords::Settings out;
  TRY(const std::int64_t memory, settings.number("ARGON2_MEMORY_MIB", 8, 1024));
  out.memory_bytes = static_cast<std::size_t>(memory) << 20;
  TRY(const std::int64_t passes, settings.number("ARGON2_PASSES", 1, 20));
  out.operations = static_cast<unsigned long long>(passes);
  TRY(const std::int64_t threads, settings.number("ARGON2_THREADS", 1, 64));
  out.threads = static_cast<std::size_t>(threads);
  return out;
}

Result<db::Settings> database(const Settings& settings, std::string_view name) {
  db::Settings out;
  TRY(out.conninfo, settings.required(name));
  TRY(const std::int64_t connections, settings.number("DATABASE_CONNECTIONS", 1, 1000));
  out.connections = static_cast<int>(connections);
  TRY(out.prepared, settings.flag("DATABASE_PREPARED"));
  return out;
}

Result<redis::Settings> redis_settings(const Settings& settings) {
  TRY(const std::string url, settings.required("REDIS_URL"));
  const auto wrong = [&] {
    return refuse(Code::Invalid, "REDIS_URL", "REDIS_URL must look like redis://:password@host:port/0.");
  };
  std::string_view rest = url;
  if (!rest.starts_with("redis://")) return wrong();
  rest.remove_prefix(8);
  redis::Settings out;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = rest.substr(0, at);
    const std::size_t colon = user.find(':');
    if (colon == std::string_view::npos) return wrong();
    TRY(out.password, net::percent_decoded(user.substr(colon + 1)));
    rest.remove_prefix(at + 1);
  }
  if (rest.ends_with("/0")) rest.remove_suffix(2);
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || rest.find('/') != std::string_view::npos) return wrong();
  out.host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc{} || end != port.data() + port.size()) return wrong();
  return out;
}

Result<> serve(const Settings& settings) {
  TRY(const std::size_t count, count_or_cores(settings, "LOOPS"));
  Loops loops;
  CHECK_OK(loops.make(settings, static_cast<int>(count)));
  TRY(const auto files, file_threads(settings));
  TRY(identity::Passwords::Settings password, password_settings(settings));
  TRY(identity::TokenKeys keys, token_keys(settings));
  TRY(const storage::Links signed_links, links(settings));
  TRY(storage::Store objects, store(settings, *files));
  TRY(jobs::Settings jobs_settings, job_settings(settings));
  TRY(const double scale, settings.real("RATE_LIMIT_SCALE", 0.0001));
  identity::Settings identity_settings;
  TRY(identity_settings.token_lifetime, settings.seconds("TOKEN_LIFETIME_S"));
  TRY(identity_settings.principal_cache, settings.milliseconds("PRINCIPAL_CACHE_MS"));

  SystemClock clock;
  net::Metrics metrics;
  net::Limits limits{settings.text("REDIS_PREFIX") + "rate:", scale};
  identity::Passwords passwords{password};
  identity::Identity identity{std::move(keys), passwords, limits, clock, identity_settings};
  for (const auto& loop : loops.all) identity.attach(*loop);
  jobs::Jobs jobs{objects, signed_links, limits, std::move(jobs_settings)};
  net::Router router{
      [&identity](net::Loop& loop, std::string_view token) { return identity.authenticate(loop, token); }, limits,
      metrics};
  net::Shared shared;
  all_routes(router, identity, jobs, metrics, shared);
  if (const std::string& root = settings.text("WEB_ROOT"); !root.empty()) {
    TRY(net::Handler site, pages(root));
    router.set_pages(std::move(site));
  }
  shared.router = &router;
  shared.clock = &clock;
  shared.files = files.get();
  TRY(shared.settings, server_settings(settings, "LISTEN"));
  TRY(const auto server, net::Server::listen(loops.pointers(), shared));
  announce("serve", *server, shared.settings.address);
  loops.run([&] { server->drain([&loops] { loops.stop(); }); });
}

// Loaded before anything listens: a worker with half its settings is worse than none.
Result<std::unique_ptr<const engine::Network>> own_network(const Settings& settings) {
  const std::string& file = settings.text("ENGINE_MATTING_ONNX");
  if (file.empty()) return nullptr;
  return engine::load_matting(file, "ENGINE_MATTING_ONNX");
}

Result<> work(const Settings& settings) {
  Loops loops;
  CHECK_OK(loops.make(settings, 1));
  TRY(const auto files, file_threads(settings));
  TRY(storage::Store objects, store(settings, *files));
  TRY(jobs::Settings jobs_settings, job_settings(settings));
  TRY(const std::size_t threads, count_or_cores(settings, "ENGINE_THREADS"));
  TRY(image::Decoder decoder, picture_decoder(settings));
  TRY(const std::chrono::milliseconds patience, settings.milliseconds("WORK_PATIENCE_MS"));
  TRY(std::unique_ptr<const engine::Network> matting, own_network(settings));
  TRY(redis::Settings redis, redis_settings(settings));
  Operations operations;
  CHECK_OK(operations.listen(settings, loops, *files, "work"));
  providers::Embedded embedded{static_cast<int>(threads), std::move(decoder), std::move(matting)};
  dispatch::Worker worker{loops.first(), std::move(redis),         embedded,
                          objects,       std::move(jobs_settings), operations.metrics};
  const auto finished = [&loops](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
    loops.stop();
  };
  asio::co_spawn(loops.first().io, worker.run(), finished);
  loops.run([&] { worker.stop(patience); });
}

Result<> schedule(const Settings& settings) {
  Loops loops;
  CHECK_OK(loops.make(settings, 1));
  TRY(const auto files, file_threads(settings));
  TRY(storage::Store objects, store(settings, *files));
  TRY(jobs::Settings jobs_settings, job_settings(settings));
  TRY(const db::Settings system_settings, database(settings, "DATABASE_SYSTEM_URL"));
  Operations operations;
  CHECK_OK(operations.listen(settings, loops, *files, "schedule"));
  db::Pool system{loops.first().io, system_settings};
  db::AdvisoryLock leader{loops.first().io, system_settings, scheduler_lock};
  dispatch::Scheduler scheduler{loops.first(), system, objects, std::move(jobs_settings), operations.metrics};
  const auto ended = [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  };
  asio::co_spawn(loops.first().io, scheduler.run(leader), ended);
  loops.run([&loops] { loops.stop(); });
}

std::string openapi() {
  // Nothing here is ever called: the table alone is read.
  asio::thread_pool files{1};
  net::Metrics metrics;
  net::Limits limits{"", 1};
  SystemClock clock;
  identity::Passwords passwords{{.operations = 1, .memory_bytes = 8u << 20, .threads = 1, .waiting_max = 1}};
  const auto secret = std::string(32, 'x');
  auto keys = identity::TokenKeys::of({{"1", secret}}, "image2model");
  const auto signed_links = storage::Links::of({{"1", secret}}, std::chrono::seconds{1});
  const auto folder = std::filesystem::temp_directory_path() / ("image2model-openapi-" + Uuid::make().text());
  auto objects = storage::Store::open(folder, files);
  identity::Identity identity{*std::move(keys), passwords, limits, clock, {}};
  jobs::Jobs jobs{*objects, *signed_links, limits, {}};
  net::Router router{Operations::nobody, limits, metrics};
  net::Shared shared;
  all_routes(router, identity, jobs, metrics, shared);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return openapi_of(router);
}

std::vector<db::Migration> migrations() { return carried_migrations(); }

}  // namespace i2m::app
