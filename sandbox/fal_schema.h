#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/fal_errors.h"

namespace i2m::sandbox::fal {

/// One model endpoint as fal describes it: fal_endpoints.json holds them.
class Endpoint {
 public:
  Endpoint(std::string id, boost::json::object spec);

  const std::string& id() const { return id_; }
  /// `owner/alias`: what status, result and cancel are asked under.
  const std::string& app() const { return app_; }
  const boost::json::object& spec() const { return spec_; }

  /// What pydantic would say of `input`; empty when it is good. Unknown fields are passed over, as there.
  std::vector<Detail> wrong_with(const boost::json::value& input) const;
  /// `input` and the default of every field that it leaves out.
  boost::json::object with_defaults(const boost::json::object& input) const;
  /// The URLs of the pictures that `input` names, the front first, each with the field it came from.
  struct PictureUrl {
    std::string field;
    std::string url;
  };
  std::vector<PictureUrl> pictures(const boost::json::object& input) const;
  /// How many faces `input` asks for at most; nothing when the endpoint or the input does not say.
  std::optional<std::int64_t> face_limit(const boost::json::object& input) const;
  /// The list price of one call in US dollars.
  double price_usd(const boost::json::object& input) const;
  /// The lowest price of a call: what one billable unit costs.
  double unit_usd() const;
  /// The output for `input`, with "$..." where a file, an id or a number belongs.
  boost::json::value output(const boost::json::object& input) const;
  /// A bound of the pictures' bytes or pixels; nothing where there is none.
  std::optional<std::int64_t> bound(std::string_view name) const;

 private:
  bool holds(const boost::json::object& rule, const boost::json::object& given) const;

  std::string id_;
  std::string app_;
  boost::json::object spec_;
};

/// All endpoints, in the order of the file.
const std::vector<Endpoint>& endpoints();
const Endpoint* find_endpoint(std::string_view id);
/// Some endpoint of that app, or null.
const Endpoint* find_app(std::string_view app);
/// owner/alias of an endpoint id, the namespaces `workflows` and `comfy` counted in.
std::string app_of(std::string_view id);

}  // namespace i2m::sandbox::fal
