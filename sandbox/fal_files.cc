#include "sandbox/fal_files.h"

#include <openssl/rand.h>
#include <boost/json/parse.hpp>

#include <array>

#include "base/crypto.h"
#include "base/ensure.h"

namespace i2m::sandbox::fal {
namespace {

constexpr std::size_t id_characters = 21;
constexpr std::size_t folder_characters = 8;
constexpr std::size_t name_characters_max = 100;
constexpr std::int64_t ms_a_second = 1'000;

std::string random_text(std::size_t characters) {
  std::array<std::uint8_t, 32> bytes{};
  ENSURE(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  return base64url(as_text(bytes)).substr(0, characters);
}

std::string random_hex(std::size_t characters) {
  std::array<std::uint8_t, 16> bytes{};
  ENSURE(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  return hex(bytes).substr(0, characters);
}

std::string plain_name(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, name_characters_max)) {
    const bool plain = (std::isalnum(static_cast<unsigned char>(c)) != 0) || c == '.' || c == '-' || c == '_';
    out += plain ? c : '_';
  }
  return out;
}

}  // namespace

Lifecycle lifecycle_of(std::string_view header) {
  if (header.empty()) return {};
  boost::system::error_code ec;
  const boost::json::value value = boost::json::parse(header, ec);
  if (ec || value.is_null()) return {.ms = std::nullopt, .null = true};
  if (!value.is_object()) return {};
  const boost::json::value* seconds = value.as_object().if_contains("expiration_duration_seconds");
  if (seconds == nullptr) return {};
  if (!seconds->is_int64() || seconds->as_int64() <= 0) return {.ms = std::nullopt, .null = true};
  return {.ms = seconds->as_int64() * ms_a_second, .null = false};
}

std::string Files::add(std::string_view name, std::string content_type, Bytes content, const Lifecycle& lifecycle) {
  std::string path =
      fmt::format("/files/b/{}/{}_{}", random_hex(folder_characters), random_text(id_characters), plain_name(name));
  const std::int64_t ms = lifecycle.null ? settings_->null_lifecycle_ms : lifecycle.ms.value_or(settings_->file_ms);
  StoredFile file;
  file.content = std::move(content);
  file.content_type = std::move(content_type);
  file.expires = std::chrono::steady_clock::now() + Milliseconds{ms};
  file.token = random_text(id_characters);
  files_.emplace(path, std::move(file));
  return path;
}

StoredFile* Files::find(std::string_view path) {
  const auto found = files_.find(std::string{path});
  if (found == files_.end()) return nullptr;
  if (found->second.expires <= std::chrono::steady_clock::now()) {
    files_.erase(found);
    return nullptr;
  }
  return found->second.gone ? nullptr : &found->second;
}

}  // namespace i2m::sandbox::fal
