#pragma once

#include <boost/json/array.hpp>
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
  int version = 1;       // rises with every change of the file; stored with each item and each call
  std::string name;      // for people
  std::string endpoint;  // "tripo3d/tripo/v2.5/image-to-3d"

  std::vector<std::string> picture_fields;  // the front first; "name[]" takes the list
  boost::json::object fixed;                // always sent

  struct FaceLimit {
    std::string field;
    int min = 0, max = 0;  // 0: none
    struct Choice {
      int faces = 0;
      std::string value;
    };
    std::vector<Choice> choices;  // instead of a number, ascending
  };
  std::optional<FaceLimit> face_limit;

  std::vector<std::string> formats;  // "png", "jpeg", "webp"
  std::int64_t picture_bytes_max = 0;
  int picture_px_min = 0, picture_px_max = 0;  // of a side; 0: not said
  int pictures_min = 1, pictures_max = 1;

  std::vector<std::string> mesh_paths;  // where the GLB may be: the first that is there, "model_urls.glb"

  struct PriceRow {
    std::int64_t microusd = 0;
    boost::json::object when;        // each field has this value, defaults counted in
    std::vector<std::string> given;  // one of these fields is sent; empty: does not matter
  };
  std::vector<PriceRow> base, extra;

  boost::json::object parameters;  // JSON Schema of what a user may set

  /// What a user set, with the defaults of what he did not. Errors: Code::Invalid naming the parameter.
  Result<boost::json::object> complete(const boost::json::object& given) const;
  /// The request's input. `faces_max` is moved into what the endpoint takes; `set` is of complete().
  boost::json::object input(const std::vector<std::string>& picture_urls, const boost::json::object& set,
                            int faces_max) const;
  /// List price of one call with this input, in millionths of a US dollar.
  std::int64_t price_microusd(const boost::json::object& input) const;
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
