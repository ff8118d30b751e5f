#include "sqlgen/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace i2m::sqlgen {

namespace {

constexpr std::string_view header_mark = "-- name:";

constexpr std::array shapes{
    std::pair{std::string_view{":one"}, Shape::One}, std::pair{std::string_view{":optional"}, Shape::Optional},
    std::pair{std::string_view{":many"}, Shape::Many}, std::pair{std::string_view{":exec"}, Shape::Exec},
    std::pair{std::string_view{":affected"}, Shape::Affected}};

// The keywords that could pass for the name of a column or of a query.
constexpr std::array keywords = std::to_array<std::string_view>(
    {"alignas",  "alignof", "and",     "asm",      "auto",     "bool",     "break",     "case",      "catch",
     "char",     "class",   "concept", "const",    "continue", "decltype", "default",   "delete",    "do",
     "double",   "else",    "enum",    "explicit", "export",   "extern",   "false",     "float",     "for",
     "friend",   "goto",    "if",      "inline",   "int",      "long",     "mutable",   "namespace", "new",
     "noexcept", "not",     "nullptr", "operator", "or",       "private",  "protected", "public",    "register",
     "requires", "return",  "short",   "signed",   "sizeof",   "static",   "struct",    "switch",    "template",
     "this",     "throw",   "true",    "try",      "typedef",  "typeid",   "typename",  "union",     "unsigned",
     "using",    "virtual", "void",    "volatile", "while",    "xor"});

bool is_first(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_inner(char c) { return is_first(c) || is_digit(c); }
bool is_word(char c) { return is_inner(c) || is_upper(c) || static_cast<unsigned char>(c) >= 0x80; }

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// Replaces @name by $n, and leaves alone what is a text, a quoted name or a comment.
class Rewriter {
 public:
  explicit Rewriter(std::string_view sql) : sql_{sql} {}

  // Errors: Code::Invalid; line() then says where.
  Result<> run() {
    while (at_ < sql_.size()) {
      const char c = sql_[at_];
      if (c == '\'') {
        copy_quoted('\'',
                    at_ > 0 && (sql_[at_ - 1] == 'E' || sql_[at_ - 1] == 'e') && (at_ < 2 || !is_word(sql_[at_ - 2])));
      } else if (c == '"') {
        copy_quoted('"', false);
      } else if (looking_at("--")) {
        copy_until("\n");
      } else if (looking_at("/*")) {
        copy_comment();
      } else if (c == '$') {
        CHECK_OK(dollar());
      } else if (c == '@') {
        CHECK_OK(at_sign());
      } else {
        out_ += sql_[at_++];
      }
    }
    return {};
  }
  std::ptrdiff_t line() const {
    return std::count(sql_.begin(), sql_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
  }
  std::string take_sql() { return std::move(out_); }
  std::vector<Parameter> take_parameters() { return std::move(parameters_); }

 private:
  bool looking_at(std::string_view text) const { return sql_.substr(at_).starts_with(text); }
  char peek(std::size_t ahead) const { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }
  char before() const { return at_ > 0 ? sql_[at_ - 1] : '\0'; }

  void copy(std::size_t count) {
    out_ += sql_.substr(at_, count);
    at_ = std::min(at_ + count, sql_.size());
  }
  void copy_until(std::string_view end) {
    const auto found = sql_.find(end, at_ + 1);
    copy(found == sql_.npos ? sql_.size() - at_ : found - at_ + end.size());
  }
  // A doubled quote closes and opens again, which comes to the same.
  void copy_quoted(char quote, bool backslashes) {
    copy(1);
    while (at_ < sql_.size() && sql_[at_] != quote) copy(backslashes && sql_[at_] == '\\' ? 2 : 1);
    copy(1);
  }
  void copy_comment() {
    int depth = 0;
    do {
      depth += looking_at("/*") ? 1 : looking_at("*/") ? -1 : 0;
      copy(looking_at("/*") || looking_at("*/") ? 2 : 1);
    } while (depth > 0 && at_ < sql_.size());
  }
  Result<> dollar() {
    if (is_word(before())) {
      copy(1);
      return {};
    }
    if (is_digit(peek(1))) return fail(Code::Invalid, "write @name, not $1");
    std::size_t length = 1;
    while (is_word(peek(length))) ++length;
    if (peek(length) == '$') {
      const std::string_view tag = sql_.substr(at_, length + 1);
      copy(tag.size());
      copy_until(tag);
    } else {
      copy(1);
    }
    return {};
  }
  Result<> at_sign() {
    if (is_upper(peek(1))) return fail(Code::Invalid, "a parameter's name is in lower case");
    if (!is_first(peek(1))) {
      copy(peek(1) == '@' ? 2 : 1);
      return {};
    }
    // "a<@b" could mean containment as well as a comparison.
    if (before() == '<') return fail(Code::Invalid, "put a space before or behind this @");
    std::size_t length = 1;
    while (is_inner(peek(length))) ++length;
    const std::string_view name = sql_.substr(at_ + 1, length - 1);
    if (!is_name(name)) return fail(Code::Invalid, fmt::format("@{} is a keyword of C++", name));
    at_ += length;
    const bool nullable = peek(0) == '?';
    if (nullable) ++at_;
    parameter(name, nullable);
    return {};
  }
  void parameter(std::string_view name, bool nullable) {
    auto known = std::ranges::find(parameters_, name, &Parameter::name);
    if (known == parameters_.end()) known = parameters_.insert(known, Parameter{std::string{name}, false});
    known->nullable |= nullable;
    out_ += fmt::format("${}", known - parameters_.begin() + 1);
  }

  std::string_view sql_;
  std::size_t at_ = 0;
  std::string out_;
  std::vector<Parameter> parameters_;
};

std::unexpected<Error> mistake(std::string_view file, std::ptrdiff_t line, std::string_view what) {
  return fail(Code::Invalid, fmt::format("{}:{}: {}", file, line, what));
}

Result<Statement> parse_header(std::string_view file, int line, std::string_view text) {
  const std::string_view words = trim(text.substr(header_mark.size()));
  const auto space = words.find(' ');
  const std::string_view name = words.substr(0, space);
  const std::string_view shape = space == words.npos ? std::string_view{} : trim(words.substr(space));
  if (!is_name(name)) return mistake(file, line, fmt::format("'{}' is not a name for a query", name));
  const auto known = std::ranges::find(shapes, shape, [](const auto& s) { return s.first; });
  if (known == shapes.end()) {
    return mistake(file, line, fmt::format("{}: say :one, :optional, :many, :exec or :affected", name));
  }
  Statement statement;
  statement.name = name;
  statement.shape = known->second;
  statement.line = line;
  return statement;
}

// `body` begins on line `line`: comment lines first, then the SQL.
Result<> parse_body(std::string_view file, int line, std::string_view body, Statement& statement) {
  while (true) {
    const std::string_view first = body.substr(0, body.find('\n'));
    const bool comment = first.starts_with("--");
    if (body.empty() || (!comment && !trim(first).empty())) break;
    if (comment) statement.doc.emplace_back(trim(first.substr(2)));
    body.remove_prefix(std::min(first.size() + 1, body.size()));
    ++line;
  }
  std::string_view sql = trim(body);
  if (sql.ends_with(';')) sql = trim(sql.substr(0, sql.size() - 1));
  if (sql.empty()) return mistake(file, statement.line, statement.name + ": there is no SQL");
  if (sql.find(")sql\"") != sql.npos) return mistake(file, line, statement.name + ": )sql\" would end the C++ text");
  Rewriter rewriter{sql};
  if (const auto rewritten = rewriter.run(); !rewritten) {
    return mistake(file, line + rewriter.line(), statement.name + ": " + rewritten.error().detail);
  }
  statement.sql_line = line;
  statement.sql = rewriter.take_sql();
  statement.parameters = rewriter.take_parameters();
  return {};
}

}  // namespace

bool is_name(std::string_view name) {
  return !name.empty() && is_first(name[0]) && std::ranges::all_of(name, is_inner) &&
         std::ranges::find(keywords, name) == keywords.end();
}

Result<std::vector<Statement>> parse(std::string_view file, std::string_view text) {
  std::vector<Statement> statements;
  int line = 1;
  while (!text.empty()) {
    const std::string_view first = text.substr(0, text.find('\n'));
    const bool header = first.starts_with(header_mark);
    if (!header && !first.starts_with("--") && !trim(first).empty()) {
      return mistake(file, line, "expected '-- name: <name> :<shape>'");
    }
    text.remove_prefix(std::min(first.size() + 1, text.size()));
    ++line;
    if (!header) continue;
    TRY(Statement statement, parse_header(file, line - 1, first));
    if (std::ranges::find(statements, statement.name, &Statement::name) != statements.end()) {
      return mistake(file, line - 1, statement.name + ": there is another of this name");
    }
    const auto next = text.starts_with(header_mark) ? 0 : text.find("\n" + std::string{header_mark});
    const std::string_view body = text.substr(0, next == 0 || next == text.npos ? next : next + 1);
    CHECK_OK(parse_body(file, line, body, statement));
    statements.push_back(std::move(statement));
    line += static_cast<int>(std::ranges::count(body, '\n'));
    text.remove_prefix(body.size());
  }
  return statements;
}

}  // namespace i2m::sqlgen
