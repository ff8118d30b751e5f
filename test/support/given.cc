#include "support/given.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include "base/log.h"
#include "credits/queries.gen.h"
#include "identity/queries.gen.h"
#include "jobs/queries.gen.h"
#include "mesh/glb.h"

namespace i2m::test {
namespace {

namespace fs = std::filesystem;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{"arranging failed: " + log::describe(result.error())};
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

std::string unique_prefix() {
  static std::atomic<int> made{0};
  return fmt::format("t{}-{}:", getpid(), ++made);
}

Task<> make_company(db::Pool& system, CompanyId id) {
  CO_TRY(db::Tx tx, co_await system.begin_system("given_company"));
  identity::sql::CreateCompanyParams params{.company_id = id, .name = "Company", .domain = id.text() + ".example"};
  CO_TRY(const auto made, co_await identity::sql::create_company(tx, std::move(params)));
  if (!made) co_return fail(Code::Conflict, "company");
  CO_CHECK(co_await credits::open_account(tx, id));
  co_return co_await tx.commit();
}

Task<> make_user(db::Pool& system, identity::sql::CreateUserParams params) {
  CO_TRY(db::Tx tx, co_await system.begin_system("given_user"));
  CO_TRY(const auto made, co_await identity::sql::create_user(tx, std::move(params)));
  if (!made) co_return fail(Code::Conflict, "user");
  co_return co_await tx.commit();
}

Task<> grant(db::Pool& system, CompanyId company, Credits amount) {
  CO_TRY(db::Tx tx, co_await system.begin_system("given_credits"));
  CO_CHECK(co_await credits::grant(tx, company, amount, Uuid::make().text(), "admin:test", "given"));
  co_return co_await tx.commit();
}

Task<std::size_t> count_disagreements(db::Pool& system) {
  CO_TRY(db::Tx tx, co_await system.begin_system("proof"));
  CO_TRY(const auto wrong, co_await credits::proof(tx));
  co_return wrong.size();
}

Task<credits::Balance> look_at_balance(db::Pool& pool, CompanyId company) {
  db::Reader reader = pool.reader(company);
  credits::sql::BalanceParams params{.company_id = company};
  CO_TRY(const auto row, co_await credits::sql::balance(reader, std::move(params)));
  if (!row) co_return fail(Code::NotFound, "no account");
  CO_TRY(const Credits available, Credits::of(row->available));
  CO_TRY(const Credits held, Credits::of(row->held));
  co_return credits::Balance{available, held, row->version};
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = fs::temp_directory_path() / "i2m-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary directory"};
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::vector<std::string> TempFolder::files() const {
  std::vector<std::string> out;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator{path_}) {
    if (entry.is_regular_file()) out.push_back(fs::relative(entry.path(), path_));
  }
  std::ranges::sort(out);
  return out;
}

RedisServer& shared_redis() {
  static RedisServer server;
  if (server.pid() < 0) server.restart();
  return server;
}

TestDatabase& emptied_database() {
  static TestDatabase database;
  // As a replica, past the trigger that keeps the ledger from being emptied. A fresh database costs ten times as much.
  database.exec(
      "set session_replication_role = replica; "
      "truncate companies, users, credit_accounts, credit_holds, credit_ledger, job_history, job_items, files, "
      "job_events, "
      "api_usage, idempotency_keys, provider_calls, provider_health");
  return database;
}

Stage::Stage()
    : database{emptied_database()},
      store{must(storage::Store::open(folder.path() / "store", file_threads))},
      loop{0, db::Settings{.conninfo = database.app_conninfo()}, shared_redis().settings(), unique_prefix()},
      system{loop.io, db::Settings{.conninfo = database.system_conninfo()}} {}

Stage::~Stage() { file_threads.join(); }

bool Stage::until(const std::function<bool()>& condition, std::chrono::milliseconds within) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    loop.io.restart();
    // A while, not one turn: the condition may be dear, and must not hold up what it waits for.
    loop.io.run_for(std::chrono::milliseconds{10});
  }
  return true;
}

CompanyId Stage::given_company() {
  const CompanyId id = CompanyId::make();
  must(run(make_company(system, id)));
  return id;
}

UserId Stage::given_user(CompanyId company, std::string password_hash) {
  const UserId id = UserId::make();
  must(run(make_user(system, {.user_id = id,
                              .company_id = company,
                              .email = email_of(id),
                              .name = "User",
                              .password_hash = std::move(password_hash),
                              .role = "member"})));
  return id;
}

void Stage::given_credits(CompanyId company, std::int64_t count) {
  must(run(grant(system, company, must(Credits::of(count)))));
}

Task<> Stage::make_job(Job& job, JobWish wish) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(job.company));
  jobs::sql::CreateJobParams row{.job_id = job.id,
                                 .company_id = job.company,
                                 .user_id = job.user,
                                 .quality = "low",
                                 .triangles_max = wish.triangles_max,
                                 .item_count = wish.files};
  CO_CHECK(co_await jobs::sql::create_job(tx, std::move(row)));
  jobs::sql::CreateItemsParams items{.company_id = job.company,
                                     .job_id = job.id,
                                     .credits = wish.each.count(),
                                     .provider = "fake",
                                     .model_parameters = "{}",
                                     .attempts_max = wish.attempts_max,
                                     .deadline_s = wish.deadline_s};
  jobs::sql::CreateUploadFilesParams uploads{.company_id = job.company, .job_id = job.id};
  for (int i = 0; i < wish.files; ++i) {
    const ItemId item = job.items.emplace_back(ItemId::make());
    const std::string picture = "picture of " + item.text();
    const std::string key = storage::key_of(storage::Area::Uploads, job.company, job.id, item, "png");
    const std::vector<std::uint8_t> bytes{picture.begin(), picture.end()};
    CO_CHECK(co_await store.put(key, bytes));
    items.item_ids.push_back(item.value);
    items.file_names.push_back(fmt::format("{}.png", i));
    items.widths.push_back(64);
    items.heights.push_back(64);
    uploads.file_ids.push_back(Uuid::make());
    uploads.item_ids.push_back(item.value);
    uploads.object_keys.push_back(key);
    uploads.media_types.push_back("image/png");
    uploads.bytes.push_back(static_cast<std::int64_t>(picture.size()));
    uploads.sha256s.push_back(hex(sha256(picture)));
  }
  CO_CHECK(co_await jobs::sql::create_items(tx, std::move(items)));
  CO_CHECK(co_await jobs::sql::create_upload_files(tx, std::move(uploads)));
  CO_CHECK(co_await credits::reserve(tx, job.id, job.items, wish.each));
  co_return co_await tx.commit();
}

Stage::Job Stage::given_job(CompanyId company, JobWish wish) {
  Job job{.company = company, .user = given_user(company), .id = JobId::make(), .items = {}};
  must(run(make_job(job, wish)));
  return job;
}

credits::Balance Stage::balance_of(CompanyId company) { return must(run(look_at_balance(loop.db, company))); }

std::size_t Stage::disagreements() { return must(run(count_disagreements(system))); }

std::string Stage::all_of(CompanyId of) {
  std::string sql = "select concat_ws(E'\\n'";
  for (const char* table : {"credit_accounts", "credit_holds", "credit_ledger", "job_history", "job_items", "files",
                            "job_events", "api_usage"}) {
    sql += fmt::format(", (select string_agg(t::text, E'\\n' order by t::text) from {} t where company_id = '{}')",
                       table, of.text());
  }
  return value(sql + ")");
}

Co<void> nap(std::chrono::milliseconds time) {
  using Clock = std::chrono::steady_clock;
  using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;
  Timer timer{co_await boost::asio::this_coro::executor, time};
  co_await timer.async_wait(boost::asio::use_awaitable_t<Executor>{});
}

std::vector<std::uint8_t> model_of(std::size_t triangles) {
  mesh::TexturedMesh m;
  m.mesh.positions = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  for (std::size_t i = 0; i < triangles; ++i) m.mesh.indices.insert(m.mesh.indices.end(), {0, 2, 1});
  m.normals = mesh::normals_of(m.mesh);
  m.texture.resize(4);
  m.jpeg = {0xff, 0xd8, 0xff, 0xd9};
  return mesh::write_glb(m);
}

Task<providers::Made> FakeProvider::make(providers::Order& order, providers::Progress& progress) {
  ++calls;
  pictures.emplace_back(order.picture.begin(), order.picture.end());
  busiest = std::max(busiest, ++busy);
  const std::shared_ptr<void> leaves{nullptr, [this](void*) { --busy; }};
  co_return co_await act(order, progress);
}

Task<providers::Made> FakeProvider::good(const providers::Order&, providers::Progress&) {
  co_return providers::Made{model_of(900)};
}

Task<providers::Made> FakeProvider::hang(const providers::Order&, providers::Progress& progress) {
  while (!progress.cancelled) co_await nap(std::chrono::milliseconds{10});
  co_return fail(Code::Cancelled);
}

FakeProvider::Act FakeProvider::refusing(Code code) {
  // Not captured by the coroutine itself, whose lambda may be gone before it ends.
  const auto refuse_with = [](Code why) -> Task<providers::Made> { co_return fail(why, "as told"); };
  return [=](const providers::Order&, providers::Progress&) { return refuse_with(code); };
}

FakeProvider::Act FakeProvider::making(std::vector<std::uint8_t> glb) {
  const auto hand_over = [](std::vector<std::uint8_t> bytes) -> Task<providers::Made> {
    co_return providers::Made{std::move(bytes)};
  };
  return [=, glb = std::move(glb)](const providers::Order&, providers::Progress&) { return hand_over(glb); };
}

RawClient::RawClient(std::uint16_t port) : fd_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  void* const erased = &address;
  if (connect(fd_, static_cast<sockaddr*>(erased), sizeof address) != 0) {
    close(fd_);
    throw std::runtime_error{"cannot connect"};
  }
}

RawClient::~RawClient() { close(fd_); }

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool RawClient::receive(std::chrono::milliseconds time) {
  pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
  if (poll(&ready, 1, static_cast<int>(time.count())) <= 0) return false;
  char bytes[65'536];
  const ssize_t n = recv(fd_, bytes, sizeof bytes, 0);
  if (n > 0) in_.append(bytes, static_cast<std::size_t>(n));
  return n > 0;
}

RawClient::Answer RawClient::answer() {
  constexpr std::chrono::seconds patience{5};
  Answer out;
  std::size_t end = 0;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
    if (!receive(patience)) return out;
  }
  out.head = in_.substr(0, end + 2);
  in_.erase(0, end + 4);
  std::size_t length = 0;
  if (const std::size_t at = out.head.find("Content-Length: "); at != std::string::npos)
    length = std::stoul(out.head.substr(at + 16));
  while (in_.size() < length) {
    if (!receive(patience)) return {};
  }
  out.body = in_.substr(0, length);
  in_.erase(0, length);
  out.status = std::stoi(out.head.substr(9, 3));
  return out;
}

bool RawClient::closes_within(std::chrono::milliseconds time) {
  pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
  if (!in_.empty() || poll(&ready, 1, static_cast<int>(time.count())) <= 0) return false;
  char byte = 0;
  return recv(fd_, &byte, 1, 0) <= 0;
}

ServerStage::ServerStage()
    : router{[who = net::Principal{user, company, net::Role::Member}](net::Loop&,
                                                                      std::string_view token) -> Task<net::Principal> {
               return [](net::Principal as, std::string given) -> Task<net::Principal> {
                 if (given == "admin") as.role = net::Role::Admin;
                 if (given != "admin" && given != "member") co_return fail(Code::TokenInvalid);
                 co_return as;
               }(who, std::string{token});
             },
             limits, metrics} {
  shared.router = &router;
  shared.clock = &clock;
  shared.files = &file_threads;
  shared.settings.drain_linger = std::chrono::milliseconds{50};
  shared.settings.drain_timeout = std::chrono::seconds{5};
}

ServerStage::~ServerStage() {
  if (thread_.joinable()) drain();
}

void ServerStage::serve() {
  server = must(net::Server::listen({&loop}, shared));
  loop.io.restart();
  thread_ = std::thread{[this] { loop.io.run(); }};
}

void ServerStage::drain() {
  server->drain([this] { loop.io.stop(); });
  thread_.join();
}

}  // namespace i2m::test
