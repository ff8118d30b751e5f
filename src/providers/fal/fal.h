#pragma once

#include <boost/asio/thread_pool.hpp>

#include "image/decoder.h"
#include "net/loop.h"
#include "net/metrics.h"
#include "providers/fal/catalogue.h"
#include "providers/fal/protocol.h"
#include "providers/provider.h"
#include "providers/slots.h"

namespace i2m::providers::fal {

struct Settings {
  Hosts hosts;
  std::string key;                          // "<key id>:<secret>"
  std::string webhook_base;                 // public address of /api/v1/hooks/fal; empty: no webhooks, polling alone
  std::vector<std::string> download_hosts;  // "*.fal.media": where results may be fetched from
  int in_flight_max = 500;                  // of one worker process
  bool stream = false;                      // the status comes as events, and is polled only where that fails
  std::chrono::milliseconds poll_first{1000};
  std::chrono::milliseconds poll_most{5000};
  int concurrency = 2;                      // calls of ours that the account may have at once, of all workers
  std::chrono::seconds start_timeout{900};  // an order that has not begun by then is given up by the provider, or by us
  std::chrono::seconds run_timeout{1200};   // in progress
  std::chrono::seconds download_timeout{600};
  std::chrono::seconds cancel_timeout{60};  // for a cancelled call to end; then it is taken as paid
  std::chrono::seconds make_timeout{3600};  // all of one attempt
  std::chrono::seconds probe_after{60};     // when the account is locked
  int failures_max = 5;  // in a row, then the provider is left alone for `rest`, doubling to `rest_most`
  std::chrono::seconds rest{15};
  std::chrono::seconds rest_most{300};
  int submissions_max = 2;  // that may have cost something, an item
  std::size_t model_bytes_max = std::size_t{128} << 20;
  std::size_t parts_above_bytes = std::size_t{90} << 20;  // larger uploads go in parts
  std::size_t part_bytes = std::size_t{10} << 20;
};

/// Has models made by FAL.AI's queue, and pays for each at most once, wherever the process is killed:
///
/// - the call is a committed row, 'submitting', before the request leaves, which carries a token in its webhook's
///   address; the request's id is committed before anything else is done with it;
/// - an item that comes again (its worker died) goes on from its row: it follows the request it has, and where the
///   answer to the submit was lost it answers Code::OutcomeUnknown, and nothing is sent;
/// - only what surely was not accepted, or was answered as failed, is followed by another submit, `submissions_max` at
///   most;
/// - at most `concurrency` calls are in flight, whoever sends them: each takes a place (providers/slots.h) first;
/// - what its owner cancels, and what waits or runs for too long, is cancelled at the provider and followed until it
/// has
///   ended: what it came to decides, a model that was finished all the same is taken.
///
/// Errors of make(): Code::OutcomeUnknown: the item must wait as unsure; Code::ProviderPaused: nothing is wrong with
/// the item, ask later; Code::Unavailable: it may be tried again; any other is final. Source: docs/state/call.md.
class Fal final : public Provider {
 public:
  /// `files`: threads for what is too slow for the loop. `decoder`: for pictures that a model does not take as they
  /// are.
  Fal(net::Loop& loop, net::Fetcher& fetcher, boost::asio::thread_pool& files, image::Decoder decoder,
      const Catalogue& catalogue, Settings settings, net::Metrics& metrics);
  std::string_view name() const override { return "fal"; }
  int slots() const override { return settings_.in_flight_max; }
  std::optional<std::chrono::seconds> make_timeout() const override { return settings_.make_timeout; }
  Task<Made> make(Order& order, Progress& progress) override;

 private:
  struct Call;
  Task<std::optional<Call>> live_call(const Order& order);
  Task<Call> submit(const Order& order, Progress& progress);
  Task<Call> begin(const Order& order, std::string token, std::int64_t price_microusd);
  Task<std::string> upload(const Order& order, std::span<const std::uint8_t> picture);
  Task<> put(const std::string& url, std::string_view type, std::span<const std::uint8_t> picture);
  Task<> put_parts(std::string_view url, std::span<const std::uint8_t> picture);
  Task<net::FetchAnswer> send_part(std::string url, std::span<const std::uint8_t> part);
  Task<> take_place(const Order& order, const Progress& progress);
  Task<Call> begin_and_send(const Order& order, const Progress& progress, const std::string& picture_url);
  Task<Call> judge_submit(const Order& order, Call call, Result<net::FetchAnswer> answer);
  Task<> accept(const Order& order, Call& call, Request request);
  Task<> follow(const Order& order, Call& call, Progress& progress);
  Co<void> listen(const Order& order, Call& call, Progress& progress);
  Co<void> seen_running(const Order& order, Call& call, Progress& progress);
  Task<> take_result(const Order& order, Call& call, bool failed);
  Task<std::shared_ptr<void>> take_download(const Progress& progress);
  Task<Made> download(const Order& order, const Call& call, Progress& progress);
  Task<net::FetchAnswer> ask(std::string method, std::string url, std::chrono::milliseconds timeout);
  Co<void> doubt(const Order& order, const Call& call, std::string why);
  Co<void> end(const Order& order, const Call& call, std::string_view state, const Failure& failure, bool billed);
  void count(std::string_view outcome);
  enum class Sign : std::uint8_t { Accepted, Fetched, Failed };  // of the provider being well
  Co<void> note(CompanyId as, Sign sign, std::string reason);
  Task<> stop_at(CompanyId as, const Failure& failure);
  Task<> call_off_in_time(const Order& order, Call& call, Progress& progress);
  Co<bool> ask_to_cancel(const Call& call);
  Co<void> let_go(const Order& order, const Call& call);
  Task<> end_failed(const Order& order, const Call& call, Failure failure, bool billed);
  Co<bool> rest(const Call& call, std::chrono::milliseconds time, const Progress& progress, bool* webhook = nullptr);
  std::vector<std::pair<std::string, std::string>> headers() const;

  net::Loop& loop_;
  net::Fetcher& fetcher_;
  boost::asio::thread_pool& files_;
  image::Decoder decoder_;
  const Catalogue& catalogue_;
  Settings settings_;
  net::Metrics& metrics_;
  Slots slots_;
  std::shared_ptr<int> downloads_ = std::make_shared<int>(0);  // models in memory, until they are stored
};

/// Whether `url` may be fetched from: https (or this machine), and a host of the list; "*.x" stands for any below x.
bool may_download(std::string_view url, const std::vector<std::string>& hosts);

}  // namespace i2m::providers::fal
