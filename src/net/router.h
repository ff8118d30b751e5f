#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/contract.h"
#include "net/ctx.h"
#include "net/fields.h"
#include "net/limits.h"
#include "net/metrics.h"
#include "net/multipart.h"

namespace i2m::net {

using Handler = std::function<Co<Answer>(Ctx&, Request&)>;
using SchemaOf = std::function<boost::json::value(boost::json::object& components)>;

/// One row of the table: what OpenAPI prints and what the router runs.
struct Endpoint {
  Method method;
  std::string pattern;  // "/api/v1/jobs/{job_id}/status"
  std::vector<std::string> segments;
  Contract contract;
  Handler handler;
  SchemaOf request_schema;  // empty: no body
  SchemaOf answer_schema;   // empty: not an envelope
  std::string_view request_type = "application/json";
  struct Parameter {
    std::string name;
    In in;
    std::string doc;
    bool required;
    boost::json::value schema;
  };
  std::vector<Parameter> parameters;
};

/// Says who a bearer token speaks for, or refuses. Given by the identity slice, so that the router does not know it.
using Authenticator = std::function<Task<Principal>(Loop&, std::string_view token)>;

/// Every address of the product in one table, and the gate in front of each: who, how often, how big, how long.
class Router {
 public:
  Router(Authenticator authenticate, Limits& limits, Metrics& metrics)
      : authenticate_{std::move(authenticate)}, limits_{&limits}, metrics_{&metrics} {}

  /// `handler`: Task<O>(Ctx&, I). A JSON body or parameters in, an envelope out.
  template <Described I, Described O, class H>
  void add(Method method, std::string pattern, Contract contract, H handler);

  /// `handler`: Task<std::string>(Ctx&, Multipart&), which answers the envelope's data as the JSON of an `O`. `Form`
  /// describes the parts, for OpenAPI.
  template <class Form, Described O, class H>
  void add_upload(std::string pattern, Contract contract, H handler);

  /// `handler`: Task<Answer>(Ctx&, I). For what is not an envelope: files, streams, metrics.
  template <Described I, class H>
  void add_raw(Method method, std::string pattern, Contract contract, H handler);

  /// What answers a GET outside /api/ that no endpoint takes: the web app.
  void set_pages(Handler pages) { pages_ = std::move(pages); }

  /// Never fails: a refusal becomes an answer here, in one place.
  Co<Answer> handle(Ctx& ctx, Request& request) const;
  /// The contract that will judge `request`; null when nothing matches. The session asks before it reads a body.
  const Endpoint* find(Request& request) const;

  const std::vector<std::unique_ptr<Endpoint>>& endpoints() const { return endpoints_; }

 private:
  Endpoint& insert(Method method, std::string pattern, Contract contract, Handler handler);
  template <Described I>
  static void describe_parameters(Endpoint& endpoint);
  Co<Answer> answer(Ctx& ctx, Request& request, const Endpoint& endpoint) const;
  Task<> gate(Ctx& ctx, Request& request, const Endpoint& endpoint) const;
  Answer missing(Ctx& ctx, const Request& request) const;

  Authenticator authenticate_;
  Limits* limits_;
  Metrics* metrics_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::unordered_map<std::string, std::vector<const Endpoint*>> fixed_;  // patterns without {names}
  std::vector<const Endpoint*> open_;
  Handler pages_;
};

/// A refusal as the client asked for it: our envelope, or application/problem+json.
Answer refusal(Ctx& ctx, const Request& request, const Error& error);

/// Path and query values into `in`. Errors: Code::Invalid names the parameter that is unknown, repeated, missing or
/// wrong.
template <Described I>
Result<> read_parameters(I& in, const Request& request, const Endpoint& endpoint);
struct QueryValue {
  std::string name, value;
};
Result<std::vector<QueryValue>> query_values(std::string_view query);
/// The whole body as text. Errors: Code::BodyTooLarge, Code::MediaTypeUnsupported.
Task<std::string> read_json_text(const Request& request, std::size_t bytes_max);

}  // namespace i2m::net

#include "net/router.inl"
