#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "credits/credits.h"
#include "image/probe.h"
#include "net/ctx.h"
#include "net/limits.h"
#include "net/router.h"
#include "providers/fal/catalogue.h"
#include "storage/links.h"
#include "storage/storage.h"

namespace i2m::jobs {

struct Settings {
  std::string provider = "embedded";
  std::shared_ptr<const providers::fal::Catalogue> catalogue;  // of the provider; null where it has none
  std::string model;                                           // of the catalogue, when the request names none
  int attempts_max = 3;
  std::chrono::seconds item_deadline{30 * 60};
  std::chrono::milliseconds lease{20'000};           // of a running item; its worker renews it every third of that
  std::chrono::milliseconds dispatch_lease{15'000};  // of an item on its way to a worker
  int dispatch_window = 64;                          // items dispatched or running at once, all companies together,
  std::map<std::string, int> windows;                // a provider; this one's own, where it has one
  std::chrono::seconds make_timeout{120};            // one attempt of one item
  std::chrono::seconds orphan_age{3600};             // a folder without a job, a file under tmp/
  std::chrono::seconds unsure{900};                  // how long a call whose answer was lost is waited for
  std::chrono::seconds call_off{60};                 // how long a call that was cancelled may take to end
  bool resubmit_unsure = false;  // then: its item is submitted once more, at the risk of paying twice
};

/// What the endpoints of this slice work with.
struct Jobs {
  storage::Store& store;
  const storage::Links& links;
  net::Limits& limits;
  Settings settings;
};

/// On this channel the watchers of a job hear that there is something new.
std::string channel_of(JobId job);
/// On this one the scheduler hears that there are queued items.
inline constexpr std::string_view queued_channel = "queued";
/// On this one its worker hears that an item (the payload, its id) is not wanted any more.
inline constexpr std::string_view cancel_channel = "cancel";

/// An item that a worker has claimed: what is to be made of what.
struct Claimed {
  ItemId item;
  JobId job;
  std::string model;       // of the provider's catalogue; empty where it has none
  std::string parameters;  // of the model: a JSON object
  int attempt = 0;
  int attempts_max = 0;
  bool cancel_asked = false;  // its owner does not want it any more
  int triangles_max = 0;
  std::string file_name;
  std::string picture_key;
  Sha256 picture_sha256{};
};
/// One more attempt at a dispatched item, whose number fences every later write; its lease ends after `lease` unless it
/// is renewed. Nothing when the item has been claimed or has ended: an old message.
Task<std::optional<Claimed>> claim(net::Loop& loop, CompanyId company, ItemId item, std::chrono::milliseconds lease);

/// How an item ended or goes on. Each runs in the company's own transaction, which it commits; each is fenced by
/// `attempt`, and answers false, having changed nothing, when the item has moved on meanwhile.
struct ItemRef {
  CompanyId company;
  ItemId item;
  int attempt = 0;
};
/// Renews the lease and notes the progress.
enum class Renewed : std::uint8_t { Kept, CancelAsked, Lost };
Task<Renewed> renew(net::Loop& loop, ItemRef ref, std::chrono::milliseconds lease, std::string stage, double progress);

struct Model {
  std::string object_key;
  std::int64_t bytes = 0;
  Sha256 sha256{};
  int triangles = 0;
};
/// Stores the result's row, settles the hold, writes the usage and tells the watchers: all or nothing.
Task<bool> succeed(net::Loop& loop, ItemRef ref, Model model);
/// Ends the item with a reason a person understands; its credits go back.
Task<bool> fail_item(net::Loop& loop, ItemRef ref, Code code, std::string message);
/// Its owner did not want it any more, and nothing was made: its credits go back. False also when nobody has asked.
Task<bool> cancel_item(net::Loop& loop, ItemRef ref);
/// The provider may have taken it and been paid, but its answer was lost: the item waits, no worker holds it, until
/// resume() or its deadline.
Task<bool> doubt(net::Loop& loop, ItemRef ref);
/// The provider's word has come after all: the item goes on with the same try. False when it was not waiting for it.
Task<bool> resume(net::Loop& loop, CompanyId company, ItemId item);
/// Another try after `delay`. `HandedBack`: the worker is stopping, and this try shall not count.
enum class Because : std::uint8_t { Failed, Lost, HandedBack };
Task<bool> requeue(net::Loop& loop, ItemRef ref, std::chrono::milliseconds delay, Because why);

/// Tells whoever watches the job, and ignores that nobody can be told: they look by themselves.
Co<void> notify(net::Loop& loop, JobId job, std::string payload);
/// Likewise tells the scheduler that there are queued items.
Co<void> notify_queued(net::Loop& loop);

/// What a batch orders of the provider's catalogue; empty where the provider has none.
struct ChosenModel {
  const providers::fal::Entry* entry = nullptr;
  std::string id;
  int version = 0;
  std::string parameters = "{}";  // as a JSON object, defaults filled in
};
/// `model` empty: the one of the settings; `parameters`: a JSON object, or empty. Errors: Code::Invalid names the
/// field.
Result<ChosenModel> choose_model(const Settings& settings, const std::string& model, const std::string& parameters);
/// Errors: Code::PictureUnreadable for a picture that the model would refuse after it was paid. What is too large for
/// it is no error: that is written anew when it is sent.
Result<> fits_model(const ChosenModel& model, const image::PictureInfo& picture);

void routes(net::Router& router, Jobs& jobs);
/// The parts of routes(): upload.cc and events.cc register their own.
void upload_routes(net::Router& router, Jobs& jobs);
void cancel_routes(net::Router& router);
void event_routes(net::Router& router, Jobs& jobs);
void model_routes(net::Router& router, Jobs& jobs);

}  // namespace i2m::jobs
