#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace i2m::providers::fal {

/// One endpoint of the provider, as data: how it is asked, what it answers, what it costs. config/models/README.md says
/// what each member means; a model is added by adding a file there.
struct Entry {
  std::string id;        // ours: "tripo-v2.5"
  int version = 1;       // rises with every change of the file; stored with each call
  std::string name;      // for people
  std::string endpoint;  // "tripo3d/tripo/v2.5/image-to-3d"

  std::string image_key;       // "image_url"
  bool image_is_list = false;  // the key takes a list of pictures
  boost::json::object fixed;   // always sent
  std::string faces_key;       // empty: the endpoint takes no face limit
  int faces_min = 0, faces_max = 0;

  std::int64_t picture_bytes_max = 0;  // 0: not said
  int picture_side_min = 0, picture_side_max = 0;
  std::vector<std::string> picture_types;  // "png", "jpeg", "webp"

  std::vector<std::string> model_paths;  // where the GLB may be: the first that is there, "model_urls.glb"
  std::int64_t price_microusd = 0;       // list price of one call as `fixed` asks for it

  /// The request's body. `faces_max` is moved into what the endpoint takes.
  std::string body(std::string_view picture_url, int faces) const;
  /// The address of the GLB in an output; empty when there is none.
  std::string model_url(std::string_view output) const;
};

/// Errors: Code::Invalid naming the member that is missing or wrong; `name` is the file, for the message.
Result<Entry> parse_entry(std::string_view name, std::string_view text);

/// All models, those that the program carries and, instead of or beside them, those in `folder` (empty: none).
class Catalogue {
 public:
  /// Errors: as parse_entry; Code::Invalid also for two files with one id.
  static Result<Catalogue> load(const std::string& folder);
  const Entry* find(std::string_view id) const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace i2m::providers::fal
