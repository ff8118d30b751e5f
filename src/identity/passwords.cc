#include "identity/passwords.h"

#include <sodium.h>

#include "base/ensure.h"
#include "base/offload.h"

namespace i2m::identity {
namespace {
constexpr std::size_t password_bytes_min = 10;
constexpr std::size_t password_bytes_max = 128;

std::string argon2id(const std::string& password, const Passwords::Settings& settings) {
  std::array<char, crypto_pwhash_STRBYTES> out;
  ENSURE(crypto_pwhash_str_alg(out.data(), password.data(), password.size(), settings.operations, settings.memory_bytes,
                               crypto_pwhash_ALG_ARGON2ID13) == 0);
  return out.data();
}
}  // namespace

Passwords::Passwords(Settings settings) : settings_{settings}, pool_{settings.threads} {
  ENSURE(sodium_init() >= 0);
  dummy_ = argon2id("nobody has this password", settings_);
}

Passwords::~Passwords() { pool_.join(); }

Result<std::string> Passwords::hash_now(std::string password) const {
  if (password.size() < password_bytes_min || password.size() > password_bytes_max) {
    return refuse(Code::Invalid, "password",
                  fmt::format("A password has {} to {} characters.", password_bytes_min, password_bytes_max));
  }
  return argon2id(password, settings_);
}

Task<bool> Passwords::matches(std::string password, std::string hash) {
  if (waiting_.fetch_add(1) >= settings_.waiting_max) {
    waiting_.fetch_sub(1);
    co_return fail(Code::RateLimited, "too many logins are waiting");
  }
  const bool known = !hash.empty();
  const std::string& against = known ? hash : dummy_;
  const auto check = [&] {
    const bool same = crypto_pwhash_str_verify(against.c_str(), password.data(), password.size()) == 0;
    sodium_memzero(password.data(), password.size());
    waiting_.fetch_sub(1);
    return same;
  };
  const bool same = co_await offload(pool_, check);
  co_return known&& same;
}

}  // namespace i2m::identity
