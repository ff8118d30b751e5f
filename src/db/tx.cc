#include "base/ensure.h"
#include "db/pool.h"
#include "db/pool_impl.h"

namespace i2m::db {

namespace {

constexpr Query commit_query{"db.commit", "commit"};

std::shared_ptr<Call> call_of(const Query& query, Params params, std::optional<CompanyId> company, Prelude prelude) {
  auto call = std::make_shared<Call>();
  call->query = query;
  call->params = std::move(params);
  call->company = company;
  call->prelude = prelude;
  return call;
}

}  // namespace

struct Tx::State {
  Lease lease;
  std::optional<CompanyId> company;  // none: the system role
  bool begun = false;                // BEGIN goes out with the first statement
  std::optional<Error> dead;         // what every further statement answers

  Task<Rows> send(const Query& query, Params params);
};

Task<Rows> Tx::State::send(const Query& query, Params params) {
  if (dead) co_return std::unexpected{*dead};
  auto call = call_of(query, std::move(params), company, begun ? Prelude::None : Prelude::Begin);
  begun = true;
  lease.in_transaction(true);
  auto rows = co_await ask(lease.connection(), std::move(call));
  if (!rows && !dead) dead = rows.error();
  co_return rows;
}

Tx::Tx(std::unique_ptr<State> state) : state_{std::move(state)} {}
Tx::Tx(Tx&&) noexcept = default;
Tx& Tx::operator=(Tx&&) noexcept = default;
Tx::~Tx() = default;

CompanyId Tx::company() const {
  ENSURE(state_ != nullptr);
  return state_->company.value_or(CompanyId{});
}

Task<Rows> Tx::run(const Query& query, Params params) {
  ENSURE(state_ != nullptr);
  co_return co_await state_->send(query, std::move(params));
}

Task<> Tx::commit() {
  ENSURE(state_ != nullptr);
  State& state = *state_;
  if (state.dead) co_return std::unexpected{*state.dead};
  if (state.begun) {
    CO_TRY(const Rows answer, co_await state.send(commit_query, {}));
    // The server answers ROLLBACK, and calls it a success, when it had already given the transaction up.
    ENSURE(answer.command() == "COMMIT");
    state.lease.in_transaction(false);
  }
  state.dead = fail(Code::Internal, "the transaction is over").error();
  state.lease.give_back();
  co_return Result<>{};
}

Task<Tx> Pool::Impl::begin(std::optional<CompanyId> company) {
  CO_TRY(Lease lease, co_await acquire());
  auto state = std::make_unique<Tx::State>();
  state->lease = std::move(lease);
  state->company = company;
  co_return Tx{std::move(state)};
}

Task<Rows> Reader::run(const Query& query, Params params) {
  CO_TRY(ConnectionPtr connection, co_await pool_->impl_->read_connection());
  auto call = call_of(query, std::move(params), company_, Prelude::Company);
  co_return co_await ask(std::move(connection), std::move(call));
}

}  // namespace i2m::db
