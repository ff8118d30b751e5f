#pragma once

#include <optional>
#include <string>

#include "credits/credits.h"

/// The balance in Redis, for 300 s. Never a source of decisions: reserve() asks PostgreSQL.
///
/// Three rules keep it true. A writer bars the key before it commits: the value goes, and while a bar stands only its
/// own setter may put one. A value with a lower version never replaces a higher one. Keys carry the server's run_id, so
/// nothing cached before a restart of Redis is believed after it. A writer that dies between bar and put leaves a bar
/// that ends by itself, and no value.
namespace i2m::credits::cache {

/// Answers the mark that put() needs; empty when Redis is away.
Co<std::string> bar(net::Loop& loop, CompanyId company);
/// `mark` is empty for a reader that fills the cache.
Co<void> put(net::Loop& loop, CompanyId company, Balance balance, std::string mark);
/// For a writer whose bar did not reach Redis, once it has committed: others may reach it and believe what it holds, so
/// it is barred as soon as it answers. Ends by itself when whatever it holds has.
void bar_later(net::Loop& loop, CompanyId company);
Co<std::optional<Balance>> get(net::Loop& loop, CompanyId company);

}  // namespace i2m::credits::cache
