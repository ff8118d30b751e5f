#include "db/query.h"

#include <libpq-fe.h>

#include <charconv>

#include "base/ensure.h"

namespace i2m::db {

namespace {

template <class Number>
Number number_of(std::string_view text) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  ENSURE(error == std::errc{} && end == text.data() + text.size());
  return out;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

template <class T, class Append>
std::string array_text(const std::vector<T>& elements, Append append) {
  std::string out = "{";
  for (const T& element : elements) {
    if (out.size() > 1) out += ',';
    append(out, element);
  }
  out += '}';
  return out;
}

// One element of an array's text form, from `at`, which is left on the comma or the brace behind it.
std::string array_element(std::string_view text, std::size_t& at) {
  std::string out;
  const bool quoted = text[at] == '"';
  if (quoted) ++at;
  while (true) {
    ENSURE(at < text.size());
    const char c = text[at];
    if (quoted ? c == '"' : c == ',' || c == '}') break;
    if (c == '\\') ++at;
    ENSURE(at < text.size());
    out += text[at++];
  }
  if (quoted) ++at;
  ENSURE(quoted || out != "NULL");
  return out;
}

// {a,"b c"}: one dimension, no nulls, which is all that Params writes and that the schema allows.
template <class Each>
void for_each_element(std::string_view text, Each each) {
  ENSURE(text.size() >= 2 && text.front() == '{' && text.back() == '}');
  std::size_t at = 1;
  while (text[at] != '}') {
    each(array_element(text, at));
    ENSURE(at < text.size() && (text[at] == ',' || text[at] == '}'));
    if (text[at] == ',') ++at;
  }
}

std::uint8_t nibble(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  ENSURE(c >= 'a' && c <= 'f');
  return static_cast<std::uint8_t>(c - 'a' + 10);
}

}  // namespace

Params& Params::add(std::string_view text) {
  values_.emplace_back(text);
  return *this;
}

Params& Params::add(const Uuid& id) {
  values_.emplace_back(id.text());
  return *this;
}

Params& Params::add(std::int64_t n) {
  values_.emplace_back(fmt::format_int(n).str());
  return *this;
}

Params& Params::add(std::int32_t n) { return add(std::int64_t{n}); }

Params& Params::add(double x) {
  values_.emplace_back(fmt::format("{}", x));
  return *this;
}

Params& Params::add(Time t) {
  values_.emplace_back(to_rfc3339(t));
  return *this;
}

Params& Params::add(std::span<const std::uint8_t> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = "\\x";
  out.reserve(2 + 2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  values_.emplace_back(std::move(out));
  return *this;
}

Params& Params::add(const std::vector<std::string>& texts) {
  values_.emplace_back(array_text(texts, append_quoted));
  return *this;
}

Params& Params::add(const std::vector<Uuid>& ids) {
  values_.emplace_back(array_text(ids, [](std::string& out, const Uuid& id) { out += id.text(); }));
  return *this;
}

Params& Params::add(const std::vector<std::int64_t>& numbers) {
  values_.emplace_back(array_text(numbers, [](std::string& out, std::int64_t n) { out += fmt::format_int(n).str(); }));
  return *this;
}

Params& Params::null() {
  values_.emplace_back(std::nullopt);
  return *this;
}

namespace detail {

void decode(std::string_view text, Uuid& out) {
  const Result<Uuid> parsed = Uuid::parse(text);
  ENSURE(parsed.has_value());
  out = *parsed;
}

void decode(std::string_view text, std::int64_t& out) { out = number_of<std::int64_t>(text); }
void decode(std::string_view text, std::int32_t& out) { out = number_of<std::int32_t>(text); }
void decode(std::string_view text, double& out) { out = number_of<double>(text); }
void decode(std::string_view text, std::string& out) { out = text; }

void decode(std::string_view text, bool& out) {
  ENSURE(text == "t" || text == "f");
  out = text == "t";
}

void decode(std::string_view text, Time& out) {
  const Result<Time> parsed = from_postgres(text);
  ENSURE(parsed.has_value());
  out = *parsed;
}

void decode(std::string_view text, std::vector<std::uint8_t>& out) {
  ENSURE(text.starts_with("\\x") && text.size() % 2 == 0);
  out.reserve(text.size() / 2 - 1);
  for (std::size_t i = 2; i < text.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(nibble(text[i]) << 4 | nibble(text[i + 1])));
  }
}

void decode(std::string_view text, std::vector<std::string>& out) {
  for_each_element(text, [&](std::string element) { out.push_back(std::move(element)); });
}

void decode(std::string_view text, std::vector<Uuid>& out) {
  for_each_element(text, [&](const std::string& element) { decode(element, out.emplace_back()); });
}

void decode(std::string_view text, std::vector<std::int64_t>& out) {
  for_each_element(text, [&](const std::string& element) { decode(element, out.emplace_back()); });
}

}  // namespace detail

Rows::Rows(pg_result* owned) : result_{owned, &PQclear} {}

int Rows::size() const { return result_ ? PQntuples(result_.get()) : 0; }

std::int64_t Rows::affected() const {
  const std::string_view count = result_ ? PQcmdTuples(result_.get()) : "";
  return count.empty() ? 0 : number_of<std::int64_t>(count);
}

std::string_view Rows::command() const { return result_ ? PQcmdStatus(result_.get()) : ""; }

bool Rows::is_null(int row, int column) const {
  ENSURE(row >= 0 && row < size() && column >= 0 && column < PQnfields(result_.get()));
  return PQgetisnull(result_.get(), row, column) != 0;
}

std::string_view Rows::text(int row, int column) const {
  ENSURE(row >= 0 && row < size() && column >= 0 && column < PQnfields(result_.get()));
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::string_view Rows::present(int row, int column) const {
  ENSURE(!is_null(row, column));
  return text(row, column);
}

Result<> exactly_one(const Rows& rows, const Query& query) {
  TRY(const bool found, at_most_one(rows, query));
  if (!found) return fail(Code::NotFound, fmt::format("{}: no row", query.name));
  return {};
}

Result<bool> at_most_one(const Rows& rows, const Query& query) {
  if (rows.size() > 1) return fail(Code::Internal, fmt::format("{}: {} rows, not one", query.name, rows.size()));
  return rows.size() == 1;
}

}  // namespace i2m::db
