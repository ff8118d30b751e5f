#include "support/given.h"

#include <unistd.h>

#include <atomic>
#include <stdexcept>

#include "base/log.h"
#include "credits/queries.gen.h"
#include "identity/queries.gen.h"
#include "jobs/queries.gen.h"

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

Stage::Stage()
    : store{must(storage::Store::open(folder.path() / "store", file_threads))},
      loop{0, db::Settings{.conninfo = database.app_conninfo()}, shared_redis().settings(), unique_prefix()},
      system{loop.io, db::Settings{.conninfo = database.system_conninfo()}} {}

Stage::~Stage() { file_threads.join(); }

bool Stage::until(const std::function<bool()>& condition, std::chrono::milliseconds within) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!condition() && std::chrono::steady_clock::now() < end) {
    loop.io.restart();
    loop.io.run_one_for(std::chrono::milliseconds{5});
  }
  return condition();
}

CompanyId Stage::given_company() {
  const CompanyId id = CompanyId::make();
  must(run(make_company(system, id)));
  return id;
}

UserId Stage::given_user(CompanyId company, std::string password_hash) {
  const UserId id = UserId::make();
  must(run(make_user(system, {.user_id = id, .company_id = company, .email = email_of(id), .name = "User",
                              .password_hash = std::move(password_hash), .role = "member"})));
  return id;
}

void Stage::given_credits(CompanyId company, std::int64_t count) { must(run(grant(system, company, must(Credits::of(count))))); }

Task<> Stage::make_job(Job& job, JobWish wish) {
  CO_TRY(db::Tx tx, co_await loop.db.begin(job.company));
  jobs::sql::CreateJobParams row{.job_id = job.id, .company_id = job.company, .user_id = job.user, .quality = "low",
                                 .triangles_max = wish.triangles_max, .item_count = wish.files};
  CO_CHECK(co_await jobs::sql::create_job(tx, std::move(row)));
  jobs::sql::CreateItemsParams items{.company_id = job.company, .job_id = job.id, .credits = wish.each.count(), .provider = "fake",
                                     .attempts_max = wish.attempts_max, .deadline_s = wish.deadline_s};
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

std::string Stage::all_of(CompanyId company) {
  std::string out;
  for (const char* table : {"credit_accounts", "credit_holds", "credit_ledger", "job_history", "job_items", "files", "job_events", "api_usage"}) {
    out += value(fmt::format("select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from {} t where company_id = '{}'", table,
                             company.text()));
    out += '\n';
  }
  return out;
}

}  // namespace i2m::test
