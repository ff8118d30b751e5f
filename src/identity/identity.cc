#include "identity/identity.h"

#include "base/log.h"
#include "identity/queries.gen.h"

namespace i2m::identity {
namespace {
constexpr std::size_t known_max = 10'000;
}

Identity::Identity(TokenKeys keys_, Passwords& passwords_, net::Limits& limits_, const Clock& clock_,
                   Settings settings_)
    : keys{std::move(keys_)}, passwords{passwords_}, limits{limits_}, clock{clock_}, settings{settings_} {}

void Identity::attach(net::Loop& loop) {
  const auto index = static_cast<std::size_t>(loop.index);
  if (loops_.size() <= index) loops_.resize(index + 1);
  loops_[index] = std::make_unique<PerLoop>();
  PerLoop& here = *loops_[index];
  // Which user it was does not matter: forgetting all of them costs a look-up each.
  here.subscription =
      loop.notices.listen(std::string{changed_channel}, [&here](std::string_view) { here.known.clear(); });
}

Task<net::Principal> Identity::authenticate(net::Loop& loop, std::string_view token) {
  CO_TRY(const Claims claims, keys.verify(token, clock.now()));
  PerLoop& here = *loops_[static_cast<std::size_t>(loop.index)];
  const auto now = std::chrono::steady_clock::now();
  if (const auto known = here.known.find(claims.user);
      known != here.known.end() && known->second.until > now && known->second.who.company == claims.company) {
    co_return known->second.who;
  }
  db::Reader reader = loop.db.reader(claims.company);
  sql::PrincipalParams params{.user_id = claims.user, .company_id = claims.company};
  CO_TRY(const auto row, co_await sql::principal(reader, std::move(params)));
  if (!row) co_return fail(Code::TokenInvalid, "no such user in that company");
  if (row->user_status != "active" || row->company_status != "active")
    co_return fail(Code::AccountInactive, row->company_status);
  net::Principal who{claims.user, claims.company, net::Role::Member};
  CO_CHECK(net::read_text(who.role, row->role, "role"));
  if (here.known.size() >= known_max) here.known.clear();
  here.known[claims.user] = Known{who, now + settings.principal_cache};
  co_return who;
}

}  // namespace i2m::identity
