#include "configuration.h"

#include <charconv>
#include <thread>

#include "base/log.h"
#include "net/fetch.h"

namespace i2m::app {

Result<std::size_t> count_or_cores(const Settings& settings, std::string_view name) {
  TRY(const std::int64_t n, settings.number(name, 0, 256));
  return n > 0 ? static_cast<std::size_t>(n) : std::max(1u, std::thread::hardware_concurrency());
}

// Pictures come from strangers: without walls around their decoder nothing starts, unless the operator says so.
Result<image::Decoder> picture_decoder(const Settings& settings) {
  image::Decoder::Settings out;
  const std::string& walls = settings.text("DECODE_WALLS");
  if (walls != "required" && walls != "limits") {
    return refuse(Code::Invalid, "DECODE_WALLS", "DECODE_WALLS must be required or limits");
  }
  if (walls == "limits") out.walls = image::Walls::Limits;
  TRY(image::Decoder decoder, image::Decoder::open(std::move(out)));
  if (!decoder.filtered()) {
    log::warn("decoder_unfiltered", {{"why",
                                      "the kernel refuses seccomp, and DECODE_WALLS=limits puts up with it: a "
                                      "picture that takes the decoder over can make any system call"}});
  }
  return decoder;
}

Result<net::ServerSettings> server_settings(const Settings& settings, std::string_view listen) {
  net::ServerSettings out;
  TRY(const Settings::Address address, settings.address(listen));
  out.address = address.host;
  out.port = address.port;
  TRY(out.drain_linger, settings.milliseconds("DRAIN_LINGER_MS"));
  TRY(out.drain_timeout, settings.milliseconds("DRAIN_TIMEOUT_MS"));
  TRY(const std::int64_t connections, settings.number("CONNECTIONS_MAX", 1, 1'000'000));
  out.connections_max = static_cast<std::size_t>(connections);
  TRY(out.trust_forwarded_for, settings.flag("TRUST_FORWARDED_FOR"));
  return out;
}

Result<providers::fal::Settings> fal_settings(const Settings& settings) {
  providers::fal::Settings out;
  out.key = settings.text("FAL_KEY");
  if (!out.key.empty() && out.key.find(':') == std::string::npos)
    return refuse(Code::Invalid, "FAL_KEY", "FAL_KEY must be <key id>:<secret>.");
  out.hosts = {settings.text("FAL_QUEUE_URL"), settings.text("FAL_REST_URL"), settings.text("FAL_API_URL")};
  for (const std::string* url : {&out.hosts.queue, &out.hosts.rest, &out.hosts.api})
    CHECK_OK(net::check_outgoing(*url));
  out.webhook_base = settings.text("FAL_WEBHOOK_URL");
  if (!out.webhook_base.empty()) CHECK_OK(net::check_outgoing(out.webhook_base));
  std::string_view hosts = settings.text("FAL_DOWNLOAD_HOSTS");
  while (!hosts.empty()) {
    const std::size_t comma = std::min(hosts.find(','), hosts.size());
    if (comma > 0) out.download_hosts.emplace_back(hosts.substr(0, comma));
    hosts.remove_prefix(std::min(hosts.size(), comma + 1));
  }
  TRY(const std::int64_t in_flight, settings.number("FAL_IN_FLIGHT_MAX", 1, 10'000));
  out.in_flight_max = static_cast<int>(in_flight);
  TRY(out.stream, settings.flag("FAL_STREAM"));
  TRY(out.poll_first, settings.milliseconds("FAL_POLL_MS"));
  TRY(out.poll_most, settings.milliseconds("FAL_POLL_MAX_MS"));
  TRY(const std::int64_t concurrency, settings.number("FAL_CONCURRENCY", 1, 10'000));
  out.concurrency = static_cast<int>(concurrency);
  TRY(out.start_timeout, settings.seconds("FAL_START_TIMEOUT_S"));
  TRY(out.run_timeout, settings.seconds("FAL_RUN_TIMEOUT_S"));
  TRY(out.download_timeout, settings.seconds("FAL_DOWNLOAD_TIMEOUT_S"));
  TRY(out.cancel_timeout, settings.seconds("FAL_CANCEL_TIMEOUT_S"));
  TRY(const std::int64_t model, settings.number("FAL_MODEL_BYTES_MAX", 1, std::int64_t{1} << 30));
  out.model_bytes_max = static_cast<std::size_t>(model);
  TRY(const std::int64_t part, settings.number("FAL_UPLOAD_PART_BYTES", 1, std::int64_t{1} << 30));
  out.part_bytes = static_cast<std::size_t>(part);
  TRY(const std::int64_t above, settings.number("FAL_UPLOAD_PARTS_ABOVE_BYTES", 1, std::int64_t{1} << 40));
  out.parts_above_bytes = static_cast<std::size_t>(above);
  TRY(out.make_timeout, settings.seconds("FAL_MAKE_TIMEOUT_S"));
  TRY(out.probe_after, settings.seconds("FAL_PROBE_S"));
  TRY(const std::int64_t failures, settings.number("FAL_FAILURES_MAX", 1, 1000));
  out.failures_max = static_cast<int>(failures);
  TRY(out.rest, settings.seconds("FAL_REST_S"));
  TRY(out.rest_most, settings.seconds("FAL_REST_MAX_S"));
  TRY(const std::int64_t submissions, settings.number("FAL_SUBMISSIONS_MAX", 1, 5));
  out.submissions_max = static_cast<int>(submissions);
  return out;
}

Result<jobs::Settings> job_settings(const Settings& settings) {
  jobs::Settings out;
  if (!settings.text("FAL_KEY").empty()) {
    out.provider = "fal";
    out.model = settings.text("FAL_MODEL");
    TRY(providers::fal::Catalogue catalogue, providers::fal::Catalogue::load(settings.text("MODELS_DIR")));
    out.catalogue = std::make_shared<const providers::fal::Catalogue>(std::move(catalogue));
    if (out.catalogue->find(out.model) == nullptr)
      return refuse(Code::Invalid, "FAL_MODEL", fmt::format("FAL_MODEL: the catalogue has no model {}.", out.model));
  }
  TRY(const std::int64_t concurrency, settings.number("FAL_CONCURRENCY", 1, 10'000));
  out.windows["fal"] = static_cast<int>(concurrency);
  TRY(const std::int64_t attempts, settings.number("ATTEMPTS_MAX", 1, 20));
  out.attempts_max = static_cast<int>(attempts);
  TRY(out.item_deadline, settings.seconds("ITEM_DEADLINE_S"));
  TRY(out.lease, settings.milliseconds("LEASE_MS"));
  TRY(out.dispatch_lease, settings.milliseconds("DISPATCH_LEASE_MS"));
  TRY(const std::int64_t window, settings.number("DISPATCH_WINDOW", 1, 100'000));
  out.dispatch_window = static_cast<int>(window);
  TRY(out.make_timeout, settings.seconds("MAKE_TIMEOUT_S"));
  TRY(out.orphan_age, settings.seconds("ORPHAN_AGE_S"));
  TRY(out.unsure, settings.seconds("FAL_UNSURE_S"));
  TRY(out.call_off, settings.seconds("FAL_CANCEL_TIMEOUT_S"));
  TRY(out.resubmit_unsure, settings.flag("FAL_RESUBMIT_UNSURE"));
  return out;
}

Result<identity::TokenKeys> token_keys(const Settings& settings) {
  TRY(const std::string secret, settings.required("JWT_SECRET"));
  TRY(const auto keys, identity::TokenKeys::parse(secret));
  return identity::TokenKeys::of(keys, "image2model");
}

Result<storage::Links> links(const Settings& settings) {
  TRY(const std::string secret, settings.required("LINK_SECRET"));
  TRY(const auto keys, identity::TokenKeys::parse(secret));
  TRY(const std::chrono::seconds lifetime, settings.seconds("LINK_LIFETIME_S"));
  std::vector<storage::Links::Key> out;
  for (const auto& key : keys) out.push_back({key.id, key.secret});
  return storage::Links::of(out, lifetime);
}

Result<storage::Store> store(const Settings& settings, boost::asio::thread_pool& files) {
  TRY(const std::string root, settings.required("STORAGE_ROOT"));
  return storage::Store::open(root, files);
}

Result<std::unique_ptr<boost::asio::thread_pool>> file_threads(const Settings& settings) {
  TRY(const std::int64_t n, settings.number("FILE_THREADS", 1, 256));
  return std::make_unique<boost::asio::thread_pool>(static_cast<std::size_t>(n));
}

Result<identity::Passwords::Settings> password_settings(const Settings& settings) {
  identity::Passwords::Settings out;
  TRY(const std::int64_t memory, settings.number("ARGON2_MEMORY_MIB", 8, 1024));
  out.memory_bytes = static_cast<std::size_t>(memory) << 20;
  TRY(const std::int64_t passes, settings.number("ARGON2_PASSES", 1, 20));
  out.operations = static_cast<unsigned long long>(passes);
  TRY(const std::int64_t threads, settings.number("ARGON2_THREADS", 1, 64));
  out.threads = static_cast<std::size_t>(threads);
  return out;
}

Result<db::Settings> database(const Settings& settings, std::string_view name) {
  db::Settings out;
  TRY(out.conninfo, settings.required(name));
  TRY(const std::int64_t connections, settings.number("DATABASE_CONNECTIONS", 1, 1000));
  out.connections = static_cast<int>(connections);
  TRY(out.prepared, settings.flag("DATABASE_PREPARED"));
  return out;
}

Result<redis::Settings> redis_settings(const Settings& settings) {
  TRY(const std::string url, settings.required("REDIS_URL"));
  const auto wrong = [&] {
    return refuse(Code::Invalid, "REDIS_URL", "REDIS_URL must look like redis://:password@host:port/0.");
  };
  std::string_view rest = url;
  if (!rest.starts_with("redis://")) return wrong();
  rest.remove_prefix(8);
  redis::Settings out;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = rest.substr(0, at);
    const std::size_t colon = user.find(':');
    if (colon == std::string_view::npos) return wrong();
    TRY(out.password, net::percent_decoded(user.substr(colon + 1)));
    rest.remove_prefix(at + 1);
  }
  if (rest.ends_with("/0")) rest.remove_suffix(2);
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || rest.find('/') != std::string_view::npos) return wrong();
  out.host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc{} || end != port.data() + port.size()) return wrong();
  return out;
}

}  // namespace i2m::app
