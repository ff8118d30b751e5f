// Stand-ins for services of others, for tests and for trying things out. Never a part of the product.
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <thread>

#include "sandbox/fal_gateway.h"
#include "sandbox/http_server.h"
#include "version.gen.h"

namespace i2m::sandbox {
namespace {

constexpr std::string_view usual_webhook_seed = "8f1c2f6a0e5d4b3c9a7e6d5f4c3b2a190817263544536271809fafbecddceb0a";

struct Address {
  std::string host;
  std::uint16_t port = 0;
};

Result<Address> address_of(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  Address out;
  const char* const end = text.data() + text.size();
  if (colon == std::string::npos || std::from_chars(text.data() + colon + 1, end, out.port).ptr != end) {
    return refuse(Code::Invalid, "listen", "It must be HOST:PORT, such as 127.0.0.1:0.");
  }
  out.host = text.substr(0, colon);
  return out;
}

Result<> serve_fal(fal::Options options, const std::string& listen, const fal::Settings& settings) {
  TRY(const Address address, address_of(listen));
  TRY(fal::SigningKey key,
      fal::SigningKey::of_seed(options.webhook_seed.empty() ? usual_webhook_seed : options.webhook_seed));
  boost::asio::io_context io{1};
  boost::asio::thread_pool engine{static_cast<std::size_t>(options.engine_threads)};
  fal::Gateway gateway{io, engine, options, settings, fal::KeyRing{std::move(key)}};
  const auto handler = [&gateway](Request request) { return gateway.handle(std::move(request)); };
  TRY(const std::unique_ptr<HttpServer> server, HttpServer::listen(io, address.host, address.port, handler));
  const std::string url = options.url.empty() ? fmt::format("http://{}:{}", address.host, server->port()) : options.url;
  gateway.set_url(url);
  std::cout << boost::json::serialize(boost::json::object{{"ready", true}, {"url", url}, {"port", server->port()}})
            << std::endl;
  boost::asio::signal_set signals{io, SIGINT, SIGTERM};
  // What still waits in coroutines needs no unwinding: nothing here outlives the process.
  signals.async_wait([](const boost::system::error_code&, int) { std::quick_exit(0); });
  io.run();
  return {};
}

int report(const Result<>& done) {
  if (done) return 0;
  std::cerr << "image2model-sandbox: " << done.error().message << done.error().detail << "\n";
  return done.error().code == Code::Invalid ? 2 : 1;
}

void add_fal(CLI::App& cli, int& code) {
  const auto options = std::make_shared<fal::Options>();
  const auto settings = std::make_shared<fal::Settings>();
  const auto listen = std::make_shared<std::string>("127.0.0.1:0");
  CLI::App* fal = cli.add_subcommand("fal", "fal.ai: queue, storage, CDN, webhooks and platform on one port");
  fal->add_option("--listen", *listen, "HOST:PORT; port 0 takes a free one")->capture_default_str();
  fal->add_option("--url", options->url, "what returned URLs begin with (http://HOST:PORT)");
  fal->add_option("--key", options->key, "the only key that is accepted, id:secret (every well-formed one)");
  fal->add_option("--webhook-seed", options->webhook_seed,
                  "64 hex digits of the key that signs webhooks (a fixed one)");
  fal->add_option("--engine-threads", options->engine_threads, "threads that make models")->check(CLI::Range(1, 64));
  for (const fal::SettingName& each : fal::setting_names) {
    std::string name{each.name};
    std::ranges::replace(name, '_', '-');
    fal->add_option("--" + name, (*settings).*each.value)
        ->check(CLI::Range(each.least, std::numeric_limits<std::int64_t>::max()))
        ->capture_default_str();
  }
  fal->callback([=, &code] { code = report(serve_fal(*options, *listen, *settings)); });
}

}  // namespace
}  // namespace i2m::sandbox

int main(int argc, char** argv) {
  CLI::App cli{"Simulators of the services that Image2Model calls.", "image2model-sandbox"};
  cli.set_version_flag("--version", std::string{i2m::version});
  cli.require_subcommand(1);
  int code = 0;
  i2m::sandbox::add_fal(cli, code);
  CLI11_PARSE(cli, argc, argv);
  return code;
}
