// The picture's way into the provider's storage: in one piece, or in parts.
#include <boost/json.hpp>

#include "base/crypto.h"
#include "providers/fal/call.h"

namespace i2m::providers::fal {
namespace {

namespace json = boost::json;

constexpr int part_tries = 3;

std::string_view media_type_of(std::span<const std::uint8_t> picture) {
  const std::string_view head = as_text(picture.first(std::min<std::size_t>(picture.size(), 4)));
  return head.starts_with("\x89PNG") ? "image/png" : head.starts_with("RIFF") ? "image/webp" : "image/jpeg";
}

std::string_view ending_of(std::string_view media_type) { return media_type.substr(media_type.find('/') + 1); }

json::value parsed(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  return error ? json::value{} : value;
}

std::string member(std::string_view text, std::string_view name) {
  const json::value value = parsed(text);
  const json::object* object = value.if_object();
  const json::value* found = object == nullptr ? nullptr : object->if_contains(name);
  return found != nullptr && found->is_string() ? std::string{found->get_string()} : std::string{};
}

/// `added` behind the path and before the query.
std::string with_path(std::string_view url, std::string_view added) {
  const std::size_t query = std::min(url.find('?'), url.size());
  return fmt::format("{}{}{}", url.substr(0, query), added, url.substr(query));
}

}  // namespace

Task<std::string> Fal::upload(const Order& order, std::span<const std::uint8_t> picture) {
  const std::string_view type = media_type_of(picture);
  const bool in_parts = picture.size() > settings_.parts_above_bytes;
  const json::object named{{"content_type", type}, {"file_name", fmt::format("picture.{}", ending_of(type))}};
  net::FetchRequest initiate{
      .method = "POST",
      .url = fmt::format("{}/storage/upload/{}?storage_type=fal-cdn-v3", settings_.hosts.rest,
                         in_parts ? "initiate-multipart" : "initiate"),
      .headers = headers(),
      .body = json::serialize(named),
      .timeout = ask_timeout,
  };
  const Result<net::FetchAnswer> answer = co_await fetcher_.fetch(std::move(initiate));
  if (!answer) {
    co_await note(order.company, Sign::Failed, answer.error().detail);
    co_return fail(Code::Unavailable, answer.error().detail);
  }
  if (answer->status / 100 != 2) {
    const Failure failure = judge(*answer);
    CO_CHECK(co_await stop_at(order.company, failure));
    co_return error_of(failure);
  }
  const std::string put_url = member(answer->body, "upload_url"), file_url = member(answer->body, "file_url");
  if (put_url.empty() || file_url.empty()) co_return fail(Code::Unavailable, "the storage named no address");
  if (in_parts) {
    CO_CHECK(co_await put_parts(put_url, picture));
  } else {
    CO_CHECK(co_await put(put_url, type, picture));
  }
  co_return file_url;
}

// No key goes along: the address itself is what allows it.
Task<> Fal::put(const std::string& url, std::string_view type, std::span<const std::uint8_t> picture) {
  net::FetchRequest request{.method = "PUT",
                            .url = url,
                            .headers = {{"Content-Type", std::string{type}}},
                            .body = std::string{as_text(picture)},
                            .timeout = transfer_timeout};
  const Result<net::FetchAnswer> stored = co_await fetcher_.fetch(std::move(request));
  if (!stored) co_return fail(Code::Unavailable, stored.error().detail);
  if (stored->status / 100 != 2) co_return fail(Code::Unavailable, judge(*stored).detail);
  co_return Result<>{};
}

Task<net::FetchAnswer> Fal::send_part(std::string url, std::span<const std::uint8_t> part) {
  std::string why;
  for (int i = 0; i < part_tries; ++i) {
    net::FetchRequest request{
        .method = "PUT", .url = url, .body = std::string{as_text(part)}, .timeout = transfer_timeout};
    Result<net::FetchAnswer> stored = co_await fetcher_.fetch(std::move(request));
    if (stored && stored->status / 100 == 2) co_return stored;
    why = stored ? judge(*stored).detail : stored.error().detail;
  }
  co_return fail(Code::Unavailable, why);
}

Task<> Fal::put_parts(std::string_view url, std::span<const std::uint8_t> picture) {
  json::array parts;
  for (std::size_t from = 0; from < picture.size(); from += settings_.part_bytes) {
    const auto number = parts.size() + 1;
    const auto part = picture.subspan(from, std::min(settings_.part_bytes, picture.size() - from));
    CO_TRY(const net::FetchAnswer stored, co_await send_part(with_path(url, fmt::format("/{}", number)), part));
    const std::string etag = member(stored.body, "etag");
    if (etag.empty()) co_return fail(Code::Unavailable, fmt::format("no etag for part {}", number));
    json::object one{{"partNumber", number}, {"etag", etag}};
    parts.push_back(std::move(one));
  }
  const json::object all{{"parts", std::move(parts)}};
  net::FetchRequest complete{.method = "POST",
                             .url = with_path(url, "/complete"),
                             .headers = {{"Content-Type", "application/json"}},
                             .body = json::serialize(all),
                             .timeout = ask_timeout};
  const Result<net::FetchAnswer> done = co_await fetcher_.fetch(std::move(complete));
  if (!done) co_return fail(Code::Unavailable, done.error().detail);
  if (done->status / 100 != 2) co_return fail(Code::Unavailable, judge(*done).detail);
  co_return Result<>{};
}

}  // namespace i2m::providers::fal
