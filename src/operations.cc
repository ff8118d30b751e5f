#include "operations.h"

#include <fstream>
#include <map>
#include <mutex>

#include "base/log.h"
#include "net/openapi.h"
#include "version.gen.h"

namespace i2m {
namespace {

namespace fs = std::filesystem;

net::Answer text_answer(int status, std::string content_type, std::string body) {
  net::Answer out;
  out.status = status;
  out.content_type = std::move(content_type);
  out.body = std::move(body);
  return out;
}

Task<net::Answer> text(std::string content_type, std::string body) {
  co_return text_answer(200, std::move(content_type), std::move(body));
}

Task<net::Answer> live(net::Ctx&, net::Nothing) {
  co_return text_answer(200, "application/json", R"({"status":"live","version":")" + std::string{version} + "\"}");
}

Task<net::Answer> ready(net::Ctx& ctx, const net::Shared& shared) {
  const Result<> database = co_await ctx.loop().db.ping();
  const bool redis = ctx.loop().redis.connected();
  // Redis away slows things down and is told, but everything that must be right is in PostgreSQL: still ready.
  const bool good = database.has_value() && !shared.draining;
  co_return text_answer(good ? 200 : 503, "application/json",
                        fmt::format(R"({{"status":"{}","postgres":{},"redis":{},"draining":{}}})",
                                    good ? "ready" : "unready", database.has_value(), redis, shared.draining.load()));
}

std::string_view type_of(const fs::path& file) {
  static const std::map<std::string, std::string_view, std::less<>> types{{".html", "text/html; charset=utf-8"},
                                                                          {".js", "text/javascript; charset=utf-8"},
                                                                          {".css", "text/css; charset=utf-8"},
                                                                          {".svg", "image/svg+xml"},
                                                                          {".png", "image/png"},
                                                                          {".jpg", "image/jpeg"},
                                                                          {".webp", "image/webp"},
                                                                          {".ico", "image/x-icon"},
                                                                          {".json", "application/json"},
                                                                          {".webmanifest", "application/manifest+json"},
                                                                          {".txt", "text/plain; charset=utf-8"},
                                                                          {".woff2", "font/woff2"},
                                                                          {".wasm", "application/wasm"},
                                                                          {".glb", "model/gltf-binary"}};
  const auto found = types.find(file.extension().native());
  return found == types.end() ? "application/octet-stream" : found->second;
}

struct Page {
  net::FileBody file;
  std::string_view type;
  std::string etag;
  bool immutable = false;
};
struct Site {
  std::map<std::string, Page, std::less<>> pages;
  std::string policy;
};

Co<net::Answer> answer_page(const Site& site, net::Ctx& ctx, const net::Request& request) {
  const auto found = site.pages.find(request.path);
  if (found == site.pages.end()) {
    co_return net::refusal(ctx, request, Error{Code::NotFound, "", "There is no such page.", "", {}});
  }
  const Page& page = found->second;
  net::Answer out;
  out.content_type = page.type;
  out.headers = {{"ETag", page.etag},
                 {"Cache-Control", page.immutable ? "public, max-age=31536000, immutable" : "no-cache"}};
  if (page.type.starts_with("text/html")) {
    out.headers.insert(out.headers.end(), {{"Content-Security-Policy", site.policy},
                                           {"X-Frame-Options", "SAMEORIGIN"},
                                           {"Referrer-Policy", "strict-origin-when-cross-origin"},
                                           {"Cross-Origin-Opener-Policy", "same-origin"},
                                           {"Permissions-Policy", "camera=(), microphone=(), geolocation=()"}});
  }
  if (request.header("if-none-match") == page.etag) {
    out.status = 304;
  } else {
    out.file = page.file;
  }
  co_return out;
}

}  // namespace

void operation_routes(net::Router& router, net::Metrics& metrics, const net::Shared& shared) {
  using net::Auth;
  using net::Method;
  router.add_raw<net::Nothing>(
      Method::Get, "/api/v1/health/live",
      {.id = "live", .summary = "The process runs", .tag = "Operations", .auth = Auth::Public, .success_words = "Live"},
      live);
  router.add_raw<net::Nothing>(Method::Get, "/api/v1/health/ready",
                               {.id = "ready",
                                .summary = "It can serve: PostgreSQL answers and it is not stopping",
                                .tag = "Operations",
                                .auth = Auth::Public,
                                .success_words = "Ready"},
                               [&shared](net::Ctx& ctx, net::Nothing) { return ready(ctx, shared); });
  router.add_raw<net::Nothing>(
      Method::Get, "/metrics",
      {.id = "metrics",
       .summary = "For Prometheus",
       .tag = "Operations",
       .auth = Auth::Public,
       .success_words = "Metrics",
       .answers = "text/plain"},
      [&metrics](net::Ctx&, net::Nothing) { return text("text/plain; version=0.0.4", metrics.text()); });
}

std::string openapi_of(const net::Router& router) { return net::openapi(router, version); }

void openapi_route(net::Router& router) {
  // Printed once, when it is first asked for: by then all routes are there.
  struct Once {
    std::once_flag flag;
    std::string document;
  };
  router.add_raw<net::Nothing>(net::Method::Get, "/api/v1/openapi.json",
                               {.id = "openapi",
                                .summary = "This document",
                                .tag = "Operations",
                                .auth = net::Auth::Public,
                                .success_words = "OpenAPI 3.1"},
                               [&router, once = std::make_shared<Once>()](net::Ctx&, net::Nothing) {
                                 std::call_once(once->flag, [&] { once->document = openapi_of(router); });
                                 return text("application/json", once->document);
                               });
}

Result<net::Handler> pages(const fs::path& root) {
  const auto site = std::make_shared<Site>();
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator{root, ec}) {
    if (!entry.is_regular_file(ec)) continue;
    const std::string name = "/" + fs::relative(entry.path(), root, ec).generic_string();
    const auto changed = entry.last_write_time(ec).time_since_epoch().count();
    Page page{.file = {.path = entry.path(), .bytes = entry.file_size(ec)},
              .type = type_of(entry.path()),
              .etag = fmt::format("\"{:x}-{:x}\"", entry.file_size(ec), changed),
              .immutable = name.starts_with("/assets/")};
    if (name == "/index.html") site->pages["/"] = page;
    site->pages[name] = std::move(page);
  }
  if (!site->pages.contains("/")) {
    return refuse(
        Code::Invalid, "WEB_ROOT",
        fmt::format("WEB_ROOT is '{}', where there is no index.html. Build the web app first.", root.native()));
  }
  std::ifstream policy{root / "csp.txt"};
  std::getline(policy, site->policy);
  if (site->policy.empty())
    return refuse(Code::Invalid, "WEB_ROOT", "csp.txt is missing beside index.html. Build the web app first.");
  site->pages.erase("/csp.txt");
  return [site](net::Ctx& ctx, net::Request& request) { return answer_page(*site, ctx, request); };
}

}  // namespace i2m
