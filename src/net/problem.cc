#include "net/problem.h"

#include <array>

#include "base/ensure.h"
#include "base/log.h"

namespace i2m::net {
namespace {

constexpr std::array<Meaning, code_count> table{{
    {Code::Invalid, 422, "invalid", "A value in the request is not allowed."},
    {Code::Malformed, 400, "malformed", "The body cannot be read as what its type says."},
    {Code::BoundaryMissing, 400, "boundary_missing",
     "The multipart request names no boundary. Send Content-Type: multipart/form-data; boundary=..."},
    {Code::NotFound, 404, "not_found", "There is no such thing, or it is not yours."},
    {Code::MethodNotAllowed, 405, "method_not_allowed", "This address does not take that method."},
    {Code::MediaTypeUnsupported, 415, "media_type_unsupported", "The body has a type that this address does not take."},
    {Code::BodyTooLarge, 413, "body_too_large", "The request is larger than this address takes."},
    {Code::HeadersTooLarge, 431, "headers_too_large", "The request's headers are too large."},
    {Code::RateLimited, 429, "rate_limited", "Too many requests. Wait as long as Retry-After says, then try again."},
    {Code::TokenMissing, 401, "token_missing", "Sign in first: send Authorization: Bearer <access token>."},
    {Code::TokenInvalid, 401, "token_invalid", "The access token is not valid. Sign in again."},
    {Code::TokenExpired, 401, "token_expired", "The access token has expired. Sign in again."},
    {Code::CredentialsWrong, 401, "credentials_wrong", "E-mail or password is wrong."},
    {Code::AccountInactive, 403, "account_inactive", "This account is not active. Ask your company's administrator."},
    {Code::Forbidden, 403, "forbidden", "Your role does not allow this."},
    {Code::LinkInvalid, 403, "link_invalid", "This link was altered. Ask for a new one."},
    {Code::LinkExpired, 410, "link_expired", "This link has expired. Ask for a new one."},
    {Code::InsufficientCredits, 402, "insufficient_credits", "There are not enough credits for this."},
    {Code::PresetUnknown, 422, "preset_unknown", "quality must be one of: low, medium, high."},
    {Code::FaceLimitInvalid, 422, "face_limit_invalid", "face_limit is not allowed."},
    {Code::FilesMissing, 422, "files_missing", "Add at least one picture in the field files."},
    {Code::TooManyFiles, 422, "too_many_files", "A batch takes at most 25 pictures."},
    {Code::NothingAccepted, 422, "nothing_accepted", "None of the pictures can be used; nothing was charged."},
    {Code::IdempotencyKeyReused, 422, "idempotency_key_reused",
     "This Idempotency-Key was used for another request. Use a new key for a new request."},
    {Code::Conflict, 409, "conflict", "This collides with what is already there."},
    {Code::FileTypeUnsupported, 422, "file_type_unsupported", "This is not a PNG, JPEG or WebP picture."},
    {Code::FileEmpty, 422, "file_empty", "The file is empty."},
    {Code::FileTooLarge, 422, "file_too_large", "The file is larger than 10 MiB."},
    {Code::FileTruncated, 422, "file_truncated", "The picture ends too early. Save or upload it again."},
    {Code::PictureTooLarge, 422, "picture_too_large", "The picture has too many pixels."},
    {Code::PictureUnreadable, 422, "picture_unreadable",
     "The picture cannot be read. Save it again as PNG, JPEG or WebP."},
    {Code::NoObjectFound, 422, "no_object_found",
     "No object was found in the picture. A plain or transparent background works best."},
    {Code::ObjectUnclear, 422, "object_unclear",
     "The object cannot be told from its background. A plain or transparent background works best."},
    {Code::ContractMissed, 422, "contract_missed", "The model did not keep the preset's promise; it was not charged."},
    {Code::DeadlineExceeded, 504, "deadline_exceeded", "This took too long and was given up."},
    {Code::AttemptsExhausted, 503, "attempts_exhausted",
     "This failed several times and was given up; it was not charged."},
    {Code::Cancelled, 409, "cancelled", "This was cancelled."},
    {Code::Unavailable, 503, "unavailable", "The service is short of something it needs. Try again in a moment."},
    {Code::StorageFull, 507, "storage_full", "There is no room to store this now. Nothing was charged."},
    {Code::Draining, 503, "draining", "This server is stopping. Try again."},
    {Code::Internal, 500, "internal", "Something went wrong on our side. It has been logged."},
}};

void append_problems(std::string& out, const std::vector<Problem>& problems, const Error& headline) {
  const auto append = [&](Code code, std::string_view field, std::string_view message) {
    out += fmt::format(R"({{"code":"{}","field":{},"message":{}}})", meaning(code).name,
                       field.empty() ? "null" : log::quote(field), log::quote(message));
  };
  out += '[';
  if (problems.empty()) append(headline.code, headline.field, words_of(headline));
  for (std::size_t i = 0; i < problems.size(); ++i) {
    if (i > 0) out += ',';
    append(problems[i].code, problems[i].field, problems[i].message);
  }
  out += ']';
}

}  // namespace

const Meaning& meaning(Code code) {
  const Meaning& row = table[static_cast<std::size_t>(code)];
  ENSURE(row.code == code);
  return row;
}

Code code_named(std::string_view name) {
  for (const Meaning& row : table) {
    if (row.name == name) return row.code;
  }
  return Code::Internal;
}

std::string words_of(const Error& error) {
  return error.message.empty() ? std::string{meaning(error.code).words} : error.message;
}

std::string error_envelope(const Error& headline, const std::vector<Problem>& problems, std::string_view request_id) {
  std::string out =
      fmt::format(R"({{"status":"error","data":null,"message":{},"errors":)", log::quote(words_of(headline)));
  append_problems(out, problems, headline);
  out += fmt::format(R"(,"request_id":"{}"}})", request_id);
  return out;
}

std::string problem_json(const Error& headline, const std::vector<Problem>& problems, std::string_view request_id) {
  const Meaning& row = meaning(headline.code);
  std::string out = fmt::format(
      R"({{"type":"urn:image2model:error:{}","title":{},"status":{},"detail":{},"instance":"urn:request:{}","code":"{}","errors":)",
      row.name, log::quote(row.words), row.status, log::quote(words_of(headline)), request_id, row.name);
  append_problems(out, problems, headline);
  out += '}';
  return out;
}

std::string success_envelope(std::string_view data_json, std::string_view message) {
  std::string out;
  out.reserve(data_json.size() + message.size() + 64);
  out += R"({"status":"success","data":)";
  out += data_json;
  out += R"(,"message":)";
  out += log::quote(message);
  out += R"(,"errors":[]})";
  return out;
}

}  // namespace i2m::net
