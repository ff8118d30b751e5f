#pragma once

#include <boost/json/value.hpp>

#include <span>
#include <string>
#include <string_view>

#include "sandbox/http.h"

namespace i2m::sandbox::fal {

/// How a request ended, as its result, its status and its webhook will say it.
struct Outcome {
  int status = 200;
  boost::json::value body;  // the model's output, or the error's body
  Headers headers;          // of the result
  std::string error;        // of status and webhook; empty: success
  std::string error_type;
  double billable_units = 0;

  bool good() const { return status < 300; }
};

/// One wrong thing of an input, as pydantic and fal put it.
struct Detail {
  boost::json::array loc;
  std::string msg;
  std::string type;
  boost::json::object ctx = {};  // empty: left out
  boost::json::value input = {};
};

/// Every error type of a model (with `detail`) and of the platform (flat), by name, with its HTTP status.
struct ErrorType {
  std::string_view name;
  int status;
  bool platform;
  bool retryable;
  std::string_view words;
};
std::span<const ErrorType> error_types();
const ErrorType* find_error(std::string_view name);

/// 422 with a detail array, or the status of the (first) type where that is another.
Outcome refused_by_model(const std::vector<Detail>& details);
/// An error of that type as it looks when nothing in the input is to blame.
Outcome failed_as(const ErrorType& type);
/// A plain {"detail": words}.
Outcome failed_with(int status, std::string words);

/// An answer of the gateway: JSON, with its status.
Reply json_reply(int status, const boost::json::value& body, Headers headers = {});
Reply detail_reply(int status, std::string_view words);
/// What an ingress answers, without a trace of fal.
Reply html_reply(int status);

}  // namespace i2m::sandbox::fal
