#pragma once

#include <boost/asio/thread_pool.hpp>

#include <string>

#include "sandbox/fal_journal.h"
#include "sandbox/fal_models.h"
#include "sandbox/fal_queue.h"
#include "sandbox/fal_settings.h"
#include "sandbox/fal_storage.h"
#include "sandbox/fal_webhooks.h"

namespace i2m::sandbox::fal {

/// Where a call goes.
struct Route {
  Step step = Step::Unknown;
  std::string endpoint;  // full id on submit and run, what stands before /requests/ elsewhere
  std::string request_id;
  std::string path;  // without the host that may stand in front
};
/// All hosts are on one port: told apart by x-fal-target-url, x-orig-host or Host, by a first path segment that is a
/// host's name, and otherwise by the path.
Route route_of(const Request& request);

/// fal.ai as a caller sees it: authentication, the queue's addresses, storage, CDN and platform, and what goes wrong on
/// purpose.
class Gateway {
 public:
  Gateway(boost::asio::io_context& io, boost::asio::thread_pool& engine, const Options& options,
          const Settings& settings, KeyRing keys);
  /// What returned URLs begin with; known when the port is.
  void set_url(std::string url) { url_ = std::move(url); }
  Co<Reply> handle(Request request);

 private:
  Co<Reply> dispatch(const Route& route, const Request& request, const Faults& faults);
  std::optional<Reply> refused(const Route& route, const Request& request);
  Co<Reply> submit(const Route& route, const Request& request, const Faults& faults);
  Co<Reply> run(const Route& route, const Request& request, const Faults& faults);
  std::variant<JobRef, Reply> accepted(const Route& route, const Request& request, const Faults& faults);
  Reply status(const Route& route, const Request& request);
  Reply status_stream(const Route& route, const Request& request);
  Co<void> follow(JobRef job, bool logs, EventSink& sink);
  Reply result(const Route& route);
  Reply cancel(const Route& route);
  Reply platform(const Route& route, const Request& request);
  JobRef found(const Route& route) const;
  boost::json::object status_json(const Job& job, bool logs) const;
  boost::json::object urls_of(const Job& job) const;
  void poll_noted(Job& job, const Request& request);
  Reply control(const Route& route, const Request& request);  // fal_control.cc
  Reply changed(const Route& route, const boost::json::object& body);

  boost::asio::io_context* io_;
  Options options_;
  Settings settings_;
  std::string url_;
  std::string lock_reason_;  // empty: the account is not locked
  KeyRing keys_;
  Journal journal_;
  FaultPlan plan_;
  HttpClient client_;
  Files files_;
  Storage storage_;
  Webhooks webhooks_;
  Models models_;
  Queue queue_;
};

}  // namespace i2m::sandbox::fal
