#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "sandbox/fal_settings.h"
#include "sandbox/http.h"

namespace i2m::sandbox::fal {

using SteadyTime = std::chrono::steady_clock::time_point;

struct StoredFile {
  Bytes content;  // null until the upload is complete
  std::string content_type;
  SteadyTime expires;
  std::string token;                  // what an upload must show
  std::map<int, std::string> parts;   // of a multipart upload
  std::optional<std::size_t> cut_at;  // a download that ends too early, on purpose
  bool gone = false;
};

/// How long a file is to live, as its owner wrote it.
struct Lifecycle {
  std::optional<std::int64_t> ms;  // nothing: the account's default
  bool null = false;               // sent as null or 0, which the real service takes for "soon"
};
Lifecycle lifecycle_of(std::string_view header);

/// The CDN: everything under /files/, in memory.
class Files {
 public:
  explicit Files(const Settings& settings) : settings_{&settings} {}

  /// The path of a new file, which has content already or gets it by an upload.
  std::string add(std::string_view name, std::string content_type, Bytes content, const Lifecycle& lifecycle);
  /// Null when there is none, or no longer.
  StoredFile* find(std::string_view path);

 private:
  const Settings* settings_;
  std::unordered_map<std::string, StoredFile> files_;
};

}  // namespace i2m::sandbox::fal
