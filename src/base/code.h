#pragma once

#include <cstdint>

namespace i2m {

/// Every way the product says no. One row each in net/problem.cc: HTTP status, stable name, default words.
/// A new code is added here and there, nowhere else; a test holds the two lists together.
enum class Code : std::uint8_t {
  // The request itself.
  Invalid,               // 422: a field has a value that is not allowed
  Malformed,             // 400: body is not what its type says (JSON, multipart)
  BoundaryMissing,       // 400: multipart without a boundary
  NotFound,              // 404: also for what belongs to another company
  MethodNotAllowed,      // 405
  MediaTypeUnsupported,  // 415: the body's declared type
  BodyTooLarge,          // 413
  HeadersTooLarge,       // 431
  RateLimited,           // 429
  // Who asks.
  TokenMissing,      // 401
  TokenInvalid,      // 401: forged, malformed, wrong audience
  TokenExpired,      // 401
  CredentialsWrong,  // 401: e-mail or password
  AccountInactive,   // 403: user or company is not active
  Forbidden,         // 403: role does not allow it
  LinkInvalid,       // 403: signed link altered
  LinkExpired,       // 410
  // Money and jobs.
  InsufficientCredits,   // 402
  PresetUnknown,         // 422
  FaceLimitInvalid,      // 422
  FilesMissing,          // 422: no file part at all
  TooManyFiles,          // 422: more than the batch allows
  NothingAccepted,       // 422: every file was rejected; errors[] says why, each
  IdempotencyKeyReused,  // 422: same key, other content
  Conflict,              // 409
  // One file.
  FileTypeUnsupported,  // by content, not by name
  FileEmpty,
  FileTooLarge,
  FileTruncated,
  PictureTooLarge,    // pixels: a decompression bomb or an honest giant
  PictureUnreadable,  // decodes to nothing
  NoObjectFound,      // blank, transparent, 1x1: nothing to model
  ObjectUnclear,      // there is something, but its outline is a guess
  // One item while it runs.
  ContractMissed,     // the model breaks its preset's promise
  DeadlineExceeded,   // the item or the request ran out of time
  AttemptsExhausted,  // gave up after the last retry
  Cancelled,
  // Outages and bugs.
  Unavailable,  // 503: PostgreSQL, Redis, disk or provider is away
  StorageFull,  // 507
  Draining,     // 503: this process is stopping
  Internal,     // 500
};

inline constexpr std::uint8_t code_count = static_cast<std::uint8_t>(Code::Internal) + 1;

}  // namespace i2m
