#include "net/multipart.h"

#include <cstring>

#include "base/bounds.h"
#include "base/text.h"

namespace i2m::net {
namespace {

constexpr std::size_t head_bytes_max = 8192;
constexpr std::size_t boundary_bytes_max = 200;  // RFC 2046 allows 70; some clients are wordier

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The value of `name` in "form-data; name="a"; filename="b"", quoted or bare.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  std::size_t at = header.find(';');
  while (at < header.size()) {
    ++at;
    while (at < header.size() && (header[at] == ' ' || header[at] == '\t')) ++at;
    const std::size_t equals = header.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    const bool wanted = same_name(trimmed(header.substr(at, equals - at)), name);
    std::string value;
    at = equals + 1;
    if (at < header.size() && header[at] == '"') {
      for (++at; at < header.size() && header[at] != '"'; ++at) {
        // Browsers send %22 for a quote and leave a backslash alone; only \" and \\ are taken as escapes.
        if (header[at] == '\\' && at + 1 < header.size() && (header[at + 1] == '"' || header[at + 1] == '\\')) ++at;
        value += header[at];
      }
      at = header.find(';', at);
    } else {
      const std::size_t end = std::min(header.find(';', at), header.size());
      value = trimmed(header.substr(at, end - at));
      at = end;
    }
    if (wanted) return value;
  }
  return std::nullopt;
}

// A client's name for a file may hold a path, control characters, bytes that are no text, or be very long; what is kept
// is for people to read, and neither PostgreSQL nor JSON would take what is not UTF-8.
std::string plain_file_name(std::string_view sent) {
  if (const std::size_t slash = sent.find_last_of("/\\"); slash != std::string_view::npos)
    sent.remove_prefix(slash + 1);
  std::string out;
  while (!sent.empty()) {
    const std::size_t bytes = character_bytes(sent);
    const std::string_view character = bytes == 0 ? "_" : sent.substr(0, bytes);
    const bool control = static_cast<unsigned char>(character[0]) < 0x20 || character[0] == 0x7f;
    if (!control && out.size() + character.size() > bounds::file_name_bytes_max) break;
    if (!control) out += character;
    sent.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return out.empty() ? "unnamed" : out;
}

}  // namespace

Result<Multipart> Multipart::open(const Request& request) {
  const std::string_view type = request.header("content-type");
  const std::string_view kind = trimmed(type.substr(0, std::min(type.find(';'), type.size())));
  if (!same_name(kind, "multipart/form-data")) {
    return refuse(Code::MediaTypeUnsupported, "Content-Type", "Send the files as multipart/form-data.");
  }
  const std::optional<std::string> boundary = parameter(type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > boundary_bytes_max)
    return refuse(Code::BoundaryMissing, "Content-Type", "");
  return Multipart{*request.body, *boundary};
}

Multipart::Multipart(Body& body, std::string boundary)
    : body_{&body}, delimiter_{"\r\n--" + std::move(boundary)}, buffer_(bounds::io_buffer_bytes) {
  // So that the first boundary, which has no line before it, looks like every other.
  buffer_[0] = '\r';
  buffer_[1] = '\n';
  end_ = 2;
}

Task<bool> Multipart::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  CO_TRY(const std::size_t n, co_await body_->read(std::span{buffer_}.subspan(end_)));
  end_ += n;
  co_return n > 0;
}

Task<std::span<const char>> Multipart::read() {
  using Bytes = std::span<const char>;
  while (at_ == At::Data || at_ == At::Start) {
    const std::string_view window{buffer_.data() + begin_, end_ - begin_};
    const std::size_t found = window.find(delimiter_, seen_);
    if (found != std::string_view::npos) {
      seen_ = 0;
      const Bytes bytes{buffer_.data() + begin_, found};
      if (found == 0) {
        begin_ += delimiter_.size();
        at_ = At::Boundary;
        co_return Bytes{};
      }
      begin_ += found;
      co_return bytes;
    }
    // The tail may be the beginning of a delimiter: keep that much, give the rest.
    const std::size_t sure = window.size() - std::min(window.size(), delimiter_.size() - 1);
    seen_ = sure;
    if (sure >= buffer_.size() / 2) {
      seen_ = 0;
      const Bytes bytes{buffer_.data() + begin_, sure};
      begin_ += sure;
      co_return bytes;
    }
    CO_TRY(const bool more, co_await fill());
    if (!more) co_return refuse(Code::Malformed, "", "The multipart body ends before its closing boundary.");
  }
  co_return Bytes{};
}

Task<std::optional<Part>> Multipart::next() {
  while (at_ == At::Start || at_ == At::Data) CO_CHECK(co_await read());
  if (at_ == At::Done) co_return std::nullopt;
  // After a boundary: "--" ends the body, a line break begins a head.
  while (end_ - begin_ < 2) {
    CO_TRY(const bool more, co_await fill());
    if (!more) co_return refuse(Code::Malformed, "", "The multipart body ends before its closing boundary.");
  }
  if (std::string_view{buffer_.data() + begin_, 2} == "--") {
    at_ = At::Done;
    co_return std::nullopt;
  }
  std::size_t looked = 0;
  while (true) {
    const std::string_view window{buffer_.data() + begin_, end_ - begin_};
    const std::size_t end = window.find("\r\n\r\n", looked);
    looked = window.size() - std::min<std::size_t>(window.size(), 3);
    if (end <= head_bytes_max) {
      CO_TRY(Part part, parse_head(window.substr(0, end)));
      begin_ += end + 4;
      at_ = At::Data;
      co_return part;
    }
    // Only once its end would have been seen, so that it does not depend on how the bytes came.
    if (window.size() >= head_bytes_max + 4) co_return fail(Code::HeadersTooLarge, "a part's head");
    CO_TRY(const bool more, co_await fill());
    if (!more) co_return refuse(Code::Malformed, "", "The multipart body ends before its closing boundary.");
  }
}

Result<Part> Multipart::parse_head(std::string_view head) const {
  Part part;
  bool named = false;
  if (!head.starts_with("\r\n"))
    return refuse(Code::Malformed, "", "A multipart boundary is not followed by a line break.");
  head.remove_prefix(2);
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos)
      return refuse(Code::Malformed, "", "A multipart part has a header without a colon.");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (same_name(name, "content-disposition")) {
      const std::optional<std::string> field = parameter(value, "name");
      if (field) part.name = *field, named = true;
      if (const auto file_name = parameter(value, "filename")) part.file_name = plain_file_name(*file_name);
    } else if (same_name(name, "content-type")) {
      part.content_type = value;
    }
  }
  if (!named) return refuse(Code::Malformed, "", "A multipart part has no name.");
  return part;
}

}  // namespace i2m::net
