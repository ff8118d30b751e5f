#pragma once

#include <boost/json/array.hpp>

#include <vector>

#include "sandbox/fal_job.h"
#include "sandbox/fal_keys.h"
#include "sandbox/fal_settings.h"
#include "sandbox/http_client.h"

namespace i2m::sandbox::fal {

/// Tells callers that their requests are completed: signed, repeated until somebody says 2xx, and wrong where that is
/// planned. Targets on loopback are served, which the real service refuses.
class Webhooks {
 public:
  Webhooks(boost::asio::io_context& io, const Settings& settings, KeyRing& keys, HttpClient& client)
      : io_{&io}, settings_{&settings}, keys_{&keys}, client_{&client} {}

  void send(JobRef job);
  const boost::json::array& attempts() const { return attempts_; }
  void clear() { attempts_.clear(); }

 private:
  Co<void> tell(JobRef job);
  Co<void> deliver(JobRef job);
  Co<int> attempt(JobRef job, int number);
  void release_held();

  boost::asio::io_context* io_;
  const Settings* settings_;
  KeyRing* keys_;
  HttpClient* client_;
  std::vector<std::shared_ptr<Timer>> held_;  // until another one has been sent
  boost::json::array attempts_;
};

/// The body of the webhook for a completed `job`.
std::string webhook_body(const Job& job);

}  // namespace i2m::sandbox::fal
