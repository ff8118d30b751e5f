#pragma once

#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <string>
#include <unordered_map>

#include "sandbox/fal_job.h"
#include "sandbox/fal_settings.h"
#include "sandbox/http_client.h"

namespace i2m::sandbox::fal {

/// What runs behind the queue: fetches the pictures, has the embedded engine make a model of the first one, and answers
/// as the endpoint does. The same picture with the same limits is made once.
class Models {
 public:
  Models(boost::asio::io_context& io, boost::asio::thread_pool& engine, const Settings& settings, Files& files,
         HttpClient& client, const std::string& url)
      : io_{&io}, engine_{&engine}, settings_{&settings}, files_{&files}, client_{&client}, url_{&url} {}

  /// The outcome of `job`, its planned damage included. Takes as long as the engine takes.
  Co<Outcome> make(JobRef job);

 private:
  struct Making;
  struct Order;
  Co<std::variant<Bytes, Outcome>> fetch(Endpoint::PictureUrl picture, const Endpoint* endpoint);
  Task<Bytes> artifact(Order order, std::string kind);
  Co<Result<Bytes>> produce(Order order, std::string kind);
  boost::json::value file_of(const Job& job, std::string_view token, const Bytes& content);

  boost::asio::io_context* io_;
  boost::asio::thread_pool* engine_;
  const Settings* settings_;
  Files* files_;
  HttpClient* client_;
  const std::string* url_;
  std::unordered_map<std::string, std::shared_ptr<Making>> made_;
};

}  // namespace i2m::sandbox::fal
