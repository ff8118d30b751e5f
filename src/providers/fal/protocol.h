#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/fetch.h"

// What FAL.AI's queue says, read leniently: its documents, its clients and its answers do not agree in every detail,
// and only what is needed is asked for. Nothing here sends anything. Source: docs of the queue, webhooks and errors of
// fal.ai; the published clients fal-js and fal (Python).
namespace i2m::providers::fal {

/// Where the parts of the service are; settings, so that a simulator can stand in for it.
struct Hosts {
  std::string queue = "https://queue.fal.run";
  std::string rest = "https://rest.fal.ai";
  std::string api = "https://api.fal.ai";
};

/// An accepted request: its id, and the addresses that answer for it.
struct Request {
  std::string id;
  std::string status_url;
  std::string response_url;
  std::string cancel_url;
};

/// "owner/alias", under which an endpoint's requests are looked up: "tripo3d/tripo/v2.5/image-to-3d" is
/// "tripo3d/tripo".
std::string app_of(std::string_view endpoint);

/// The addresses by the rule, for when the answer named none, or ones of another host.
Request request_of(const Hosts& hosts, std::string_view endpoint, std::string id);

/// The answer to a submit. Errors: Code::OutcomeUnknown when it is no JSON or names no request: the call may well have
/// been accepted.
Result<Request> parse_submitted(std::string_view body, const Hosts& hosts, std::string_view endpoint);

/// Who can do something about a failure, which decides what happens next.
enum class Blame : std::uint8_t {
  Picture,   // the item fails with words for its owner; the credits go back
  Content,   // likewise: the provider's rules forbid it
  Order,     // we asked for something the endpoint does not take: our bug or a stale catalogue
  Provider,  // it may work another time
  Account,   // locked or out of money: nothing of anybody's can be made until the operator acts
  Key,       // not accepted: likewise
  Busy,      // refused for now, nothing was accepted
};

struct Failure {
  Blame blame = Blame::Provider;
  Code code = Code::Unavailable;  // what the item would end with
  std::string type;               // the provider's own name for it
  std::string words;              // for the picture's owner; never the provider's text
  std::string detail;             // for the log
  bool again = false;             // the provider says that another try may succeed
};

/// Judges an answer that is no success, by the machine-readable type alone, never by the text for people.
///
/// `body` may be an array of details, one string, an object, HTML, or nothing.
Failure judge(const net::FetchAnswer& answer);
/// The same for what a webhook's payload or a completed status carries.
Failure judge(int status, std::string_view type, std::string_view body, std::optional<bool> says_again);

struct Status {
  enum class Phase : std::uint8_t { Queued, Running, Completed };
  Phase phase = Phase::Queued;
  int queue_position = -1;         // -1: not said
  std::optional<Failure> failure;  // of a completed one
};
/// Errors: Code::Unavailable when it makes no sense.
Result<Status> parse_status(std::string_view body);

/// A webhook's body. `failure` or `output` (JSON text), or neither when the result must be fetched.
struct Hook {
  std::string request_id;
  std::optional<Failure> failure;
  std::string output;
};
/// Errors: Code::Malformed.
Result<Hook> parse_hook(std::string_view body);

}  // namespace i2m::providers::fal
